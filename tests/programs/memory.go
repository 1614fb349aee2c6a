// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package programs

import (
	"fmt"
	"os"
	"strings"
)

// ForgetPeak begins anew with the most memory that a process had.
func ForgetPeak(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}

// Memory is a process's own memory now, in bytes (VmRSS); peak is the most it was since it began, or since ForgetPeak (VmHWM).
func Memory(pid int) (now, peak int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	for name, into := range map[string]*int64{"VmRSS": &now, "VmHWM": &peak} {
		_, rest, _ := strings.Cut(string(text), "\n"+name+":")
		if _, err := fmt.Sscanf(rest, "%d kB", into); err != nil {
			return 0, 0, fmt.Errorf("%s of process %d: %w", name, pid, err)
		}
		*into <<= 10
	}
	return now, peak, nil
}
