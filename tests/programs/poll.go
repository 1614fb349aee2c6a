// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package programs

import (
	"errors"
	"fmt"
	"time"
)

// Hopeless marks a reason that will not go away: Poll does not wait for that.
type Hopeless struct{ Reason error }

func (h Hopeless) Error() string { return h.Reason.Error() }

func (h Hopeless) Unwrap() error { return h.Reason }

// Poll asks again and again until done says so, or the time is over; then it returns the last reason.
func Poll(limit time.Duration, done func() error) error {
	deadline := time.Now().Add(limit)
	pause := time.NewTicker(10 * time.Millisecond)
	defer pause.Stop()
	for {
		err := done()
		if err == nil {
			return nil
		}
		if errors.As(err, new(Hopeless)) {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("after %s: %w", limit, err)
		}
		<-pause.C
	}
}
