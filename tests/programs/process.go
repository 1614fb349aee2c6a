// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package programs

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

// Process is a program that runs in the background, with its output in a file.
type Process struct {
	command *exec.Cmd
	log     string
	ended   chan struct{}
	err     error // once ended
	stop    sync.Once
}

// Start starts it. The kernel ends it if this process is killed, so that nothing is left behind.
func Start(log string, environment []string, program string, arguments ...string) (*Process, error) {
	file, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	p := &Process{command: exec.Command(program, arguments...), log: log, ended: make(chan struct{})}
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

// PID is its process id.
func (p *Process) PID() int { return p.command.Process.Pid }

// Log is what it has written so far, to its standard output and error.
func (p *Process) Log() ([]byte, error) { return os.ReadFile(p.log) }

// Running is nil as long as it runs.
func (p *Process) Running() error {
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

// Stop asks it to end, and ends it if it does not.
func (p *Process) Stop() error {
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

// Kill ends it at once, as a crash would.
func (p *Process) Kill() error {
	if err := p.command.Process.Kill(); err != nil {
		return err
	}
	<-p.ended
	return nil
}

func (p *Process) lastLines(n int) []byte {
	text, err := p.Log()
	if err != nil {
		return []byte(err.Error())
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-n):], []byte("\n"))
}
