package daemon

import (
	"context"
	"crypto/sha256"
	"os"
	"strings"
	"time"

	"m1/engine"
	"m1/engine/source"
)

// watchEvery is the time between two looks at the files of the rules.
const watchEvery = time.Second

// stamp tells one state of a file from another without reading it.
type stamp struct {
	size int64
	at   time.Time
	info os.FileInfo
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{size: -1}
	}
	return stamp{size: info.Size(), at: info.ModTime(), info: info}
}

func (s stamp) equal(o stamp) bool {
	return s.size == o.size && s.at.Equal(o.at) && (s.info == nil || os.SameFile(s.info, o.info))
}

// reload loads the rules anew whenever one of their files has changed and lain
// still for one look, or when a signal asks for it. What is wrong with them is
// shown on the dashboard, and the rules before go on deciding.
func (d *Daemon) reload(ctx context.Context) error {
	t := time.NewTicker(watchEvery)
	defer t.Stop()
	files := d.o.Rules.files()
	loaded, last := d.stamps, stamps(files)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.o.Reload:
			loaded = stamps(files)
			d.load(ctx, "signal")
		case <-t.C:
			now := stamps(files)
			if still(now, last) && !still(now, loaded) {
				loaded = now
				d.load(ctx, "file")
			}
			last = now
		}
	}
}

func stamps(files []string) []stamp {
	out := make([]stamp, len(files))
	for i, f := range files {
		out[i] = stampOf(f)
	}
	return out
}

func still(a, b []stamp) bool {
	for i := range a {
		if !a[i].equal(b[i]) {
			return false
		}
	}
	return true
}

// load reads the files of the rules and puts them in force.
func (d *Daemon) load(ctx context.Context, by string) {
	r := d.o.Rules
	l := engine.Load{Name: r.policyName, By: by}
	var ps source.Problems
	var err error
	if l.Tools, err = loadTools(r.toolsName); err != nil {
		ps.Add(err)
	}
	if l.Source, err = policySource(r.policyName); err != nil {
		ps.Add(err)
	}
	if err := ps.Err(); err != nil {
		d.engine.RefusePolicy(ctx, l, err)
		return
	}
	// A signal alone does not undo what an operator has put in force since.
	sum := sumOf(l)
	if by == "signal" && sum == d.loaded && d.engine.Status().Policy.Failure == nil {
		d.o.Logger.Info("rules: unchanged", "name", l.Name)
		return
	}
	d.loaded = sum
	if _, _, err := d.engine.LoadPolicy(ctx, l); err != nil {
		return // shown and logged by the engine
	}
	d.o.Logger.Info("policy: loaded", "name", l.Name, "by", by)
}

// sumOf tells one state of the rules from another.
func sumOf(l engine.Load) [sha256.Size]byte {
	return sha256.Sum256(append(l.Tools.YAML(), l.Source...))
}

// liveSource is the policy to start with where an operator has put another in force
// than that of the file, and the file has not changed since: then the last change
// wins, as it did while M1 ran.
func liveSource(kept []engine.Shelved, fileVersion string) (engine.Shelved, bool) {
	for i, k := range kept {
		if !strings.HasPrefix(k.By, "operator ") {
			return kept[0], i > 0 && k.Version == fileVersion
		}
	}
	return engine.Shelved{}, false
}
