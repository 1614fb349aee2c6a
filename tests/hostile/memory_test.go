// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// measured is set where this program only starts another one, and writes down into that file how much memory it took at most.
// Linux counts what a process was before it executed a program, too: the child of these tests would be as large as they are.
const measured = "REFRACT_TEST_MEASURED"

func TestMain(m *testing.M) {
	if file := os.Getenv(measured); file != "" {
		os.Exit(measure(file))
	}
	os.Exit(m.Run())
}

func measure(file string) int {
	runtime.LockOSThread() // the signal below comes when this thread ends
	process := exec.Command(os.Args[1], os.Args[2:]...)
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, measured+"=") {
			process.Env = append(process.Env, variable)
		}
	}
	process.Stdin, process.Stdout, process.Stderr = os.Stdin, os.Stdout, os.Stderr
	process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err := process.Run()
	if process.ProcessState == nil {
		fmt.Fprintln(os.Stderr, err)
		return 125
	}
	usage, ok := process.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok || os.WriteFile(file, fmt.Append(nil, usage.Maxrss<<10), 0o600) != nil {
		return 125
	}
	return process.ProcessState.ExitCode()
}
