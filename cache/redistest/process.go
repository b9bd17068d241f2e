package redistest

import (
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// process is a child that dies with this one.
type process struct {
	cmd  *exec.Cmd
	gone chan struct{} // closed when the process has ended and was waited for
}

type spawned struct {
	p   *process
	err error
}

var (
	spawner sync.Once
	spawns  = make(chan func()) // unbuffered; never closed, the spawner lives as long as the process
)

// spawn starts cmd so that the kernel kills it when this process ends.
func spawn(cmd *exec.Cmd) (*process, error) {
	spawner.Do(func() {
		go func() {
			// The kernel kills the children when the thread that made them ends, so
			// one thread makes them all and never ends.
			runtime.LockOSThread()
			for f := range spawns {
				f()
			}
		}()
	})
	answer := make(chan spawned)
	spawns <- func() {
		dieWithParent(cmd)
		p := &process{cmd: cmd, gone: make(chan struct{})}
		answer <- spawned{p, cmd.Start()}
	}
	a := <-answer
	if a.err != nil {
		return nil, a.err
	}
	go func() { // ends with the process
		_ = a.p.cmd.Wait() // a killed process ends with an error
		close(a.p.gone)
	}()
	return a.p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// signal does nothing to a dead process: os.Process knows that its id is not its
// own any more.
func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// kill returns when the process is gone. A stopped one dies too.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.gone
}

func (p *process) dead() bool {
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}
