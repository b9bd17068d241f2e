//go:build unix

package app_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"m1/app"
	"m1/collector/snapshot"
)

// The parts of one run of watch: what starting costs is not what watching costs.
const (
	warmUp   = 3 * time.Second
	watching = 10 * time.Second
)

// watch is a child that runs the program for a while at its default refresh,
// with a picture every 250 ms, and prints what that cost.
func watch(how string) int {
	pictures := []*snapshot.Dashboard{fullBoard(1)}
	if how == "watch-replay" {
		for n := 2; n <= 60; n++ {
			pictures = append(pictures, fullBoard(n*16)) // 80 new calls a picture: 320 calls a second
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), warmUp+watching)
	defer cancel()
	f := newFeed(pictures[0])
	go func() {
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-tick.C:
				d := *pictures[i%len(pictures)]
				d.Timestamp = time.Now()
				f.send(&d)
			case <-ctx.Done():
				return
			}
		}
	}()
	var before time.Duration
	time.AfterFunc(warmUp, func() { before = cpu() })
	if err := app.Run(ctx, app.Options{Feed: f}); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		return 1
	}
	os.Stderr.WriteString("cpu=" + strconv.FormatInt((cpu()-before).Microseconds(), 10) + "\n")
	return 0
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkWatching runs the program in a pseudo-terminal of 120x40 and reports
// what watching costs: percent of a core, and bytes a second to the terminal.
// One run takes 13 seconds; ask for -benchtime 1x.
func BenchmarkWatching(b *testing.B) {
	for _, how := range []string{"watch-idle", "watch-replay"} {
		b.Run(strings.TrimPrefix(how, "watch-"), func(b *testing.B) {
			for b.Loop() {
				exe, err := os.Executable()
				require.NoError(b, err)
				cmd := exec.Command(exe)
				cmd.Env = append(os.Environ(), childEnv+"="+how, "TERM=xterm-256color", "COLORTERM=truecolor")
				ptm, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: 120, Rows: 40})
				require.NoError(b, err)
				began := time.Now()
				var out bytes.Buffer
				counted := 0
				buf := make([]byte, 64<<10)
				for {
					n, err := ptm.Read(buf)
					if out.Write(buf[:n]); time.Since(began) > warmUp {
						counted += n
					}
					if err != nil { // EIO or EOF: the child has gone
						break
					}
				}
				require.NoError(b, cmd.Wait(), out.String())
				_, after, found := strings.Cut(out.String(), "cpu=")
				require.True(b, found)
				us, err := strconv.ParseFloat(strings.TrimSpace(after), 64)
				require.NoError(b, err)
				b.ReportMetric(100*us/float64(watching.Microseconds()), "%core")
				b.ReportMetric(float64(counted)/watching.Seconds(), "B/s")
				b.ReportMetric(0, "ns/op")
				_ = ptm.Close()
			}
		})
	}
}
