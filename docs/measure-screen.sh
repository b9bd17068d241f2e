#!/usr/bin/env bash
# What the dashboard costs at 120x40: CPU of the whole process as a share of one
# core, and bytes written to the terminal, over SECONDS_MEASURED (30).
# usage: docs/measure-screen.sh bin/m1 ARGS…   (needs tmux)
set -euo pipefail
seconds=${SECONDS_MEASURED:-30}
name=m1-measure-$$
tmux new-session -d -s "$name" -x 120 -y 40 "$(printf '%q ' "$@")"
trap 'tmux kill-session -t "$name" 2>/dev/null || true' EXIT
sleep 6 # starting up is not watching
pid=$(tmux list-panes -t "$name" -F '#{pane_pid}')
pid=$(pgrep -P "$pid" || echo "$pid")
ticks() { awk '{print $14 + $15}' "/proc/$pid/stat"; }
before=$(ticks)
sleep "$seconds"
after=$(ticks)
awk -v t=$((after - before)) -v hz="$(getconf CLK_TCK)" -v s="$seconds" 'BEGIN {printf "%.2f %% of a core;", 100 * t / hz / s}'
tmux capture-pane -t "$name" -p | grep -o 'self .*old' || true
