// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// process is a program that runs in the background, with its output in a file.
type process struct {
	command *exec.Cmd
	log     string
	ended   chan struct{}
	err     error // once ended
	stop    sync.Once
}

// start starts it. The kernel ends it if this process is killed, so that nothing is left behind.
func start(log string, environment []string, program string, arguments ...string) (*process, error) {
	file, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	p := &process{command: exec.Command(program, arguments...), log: log, ended: make(chan struct{})}
	p.command.Stdout, p.command.Stderr = file, file
	p.command.Env = append(os.Environ(), environment...)
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		// The signal comes when the thread ends that started the program, so it is kept.
		runtime.LockOSThread()
		err := p.command.Start()
		started <- err
		if err == nil {
			p.err = p.command.Wait()
			close(p.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// running is nil as long as it runs.
func (p *process) running() error {
	select {
	case <-p.ended:
		how := "without an error"
		if p.err != nil {
			how = p.err.Error()
		}
		return Hopeless{fmt.Errorf("%s ended (%s); its log ends with:\n%s", p.command.Path, how, p.lastLines(12))}
	default:
		return nil
	}
}

// end asks it to end, and ends it if it does not.
func (p *process) end() error {
	var err error
	p.stop.Do(func() {
		_ = p.command.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-p.ended:
		case <-time.After(20 * time.Second):
			err = fmt.Errorf("%s did not end within 20 s", p.command.Path)
			_ = p.command.Process.Kill()
			<-p.ended
		}
	})
	return err
}

func (p *process) lastLines(n int) []byte {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return []byte(err.Error())
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-n):], []byte("\n"))
}
