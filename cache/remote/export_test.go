package remote

import "time"

// Relax gives the server of t, which has not run yet, the time that it may need on a
// busy machine.
func Relax(t *Tier) {
	t.pace = pace{dial: 5 * time.Second, call: 5 * time.Second, slow: 5 * time.Second}
}

// Hurry makes a call of more than 10 ms a slow one, as in service.
func Hurry(t *Tier) { t.pace.slow = paceOf(25 * time.Millisecond).slow }
