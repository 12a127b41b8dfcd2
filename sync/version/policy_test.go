package version

import (
	"testing"
	"time"
)

// step is a deployment of a history: how long ago it ended, and what it recorded.
type step struct {
	name   string
	ended  time.Duration
	retain int
	grace  time.Duration
}

// The maximum of the policies of the retained deployments counts. A deployment that an
// earlier, smaller policy did not retain may be gone.
func TestRetention(t *testing.T) {
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		given   Policy
		history []step
		want    string // + retained, ? retained and maybe gone, - not retained
		policy  Policy
	}{
		"as recorded": {
			Policy{}, []step{{"c", 0, 2, day}, {"b", 2 * day, 2, day}, {"a", 3 * day, 2, day}},
			"++-", Policy{2, 86400},
		},
		"lowered": {
			Policy{}, []step{{"c", 0, 1, day}, {"b", 2 * day, 3, day}, {"a", 3 * day, 3, day}},
			"+--", Policy{1, 86400},
		},
		"raised": {
			Policy{}, []step{{"d", 0, 4, day}, {"c", 2 * day, 2, day}, {"b", 3 * day, 2, day}, {"a", 4 * day, 2, day}},
			"+++?", Policy{4, 86400},
		},
		"more in between": {
			Policy{}, []step{{"c", 0, 2, day}, {"b", 2 * day, 3, day}, {"a", 3 * day, 2, day}},
			"++?", Policy{3, 86400},
		},
		"a longer grace": {Policy{}, []step{{"b", 0, 1, 3 * day}, {"a", 2 * day, 1, day}}, "++", Policy{1, 3 * 86400}},
		"its own activation": {
			Policy{}, []step{{"b", 0, 2, day}, {"a", 2 * day, 2, day}, {"b", 3 * day, 2, day}},
			"+++", Policy{2, 86400},
		},
		"given": {
			Policy{Retain: 3}, []step{{"c", 0, 0, 0}, {"b", 2 * day, 0, 0}, {"a", 3 * day, 0, 0}},
			"+??", Policy{Retain: 3},
		},
		"given too little": {
			Policy{Retain: 1}, []step{{"b", 0, 2, day}, {"a", 2 * day, 2, day}},
			"++", Policy{2, 86400},
		},
		"nothing known": {Policy{Grace: 60}, []step{{"b", 0, 0, 0}, {"a", day, 0, 0}}, "+-", Policy{Grace: 60}},
	} {
		r, got := NewRetention(c.given), ""
		recorded := false
		for _, s := range c.history {
			retained, certain := r.Add(s.name, s.ended, NewPolicy(s.retain, s.grace))
			mark := "-"
			if retained {
				mark = "?"
				recorded = recorded || s.retain > 0
			}
			if certain {
				mark = "+"
			}
			got += mark
		}
		if got != c.want || r.Policy != c.policy || r.Recorded != recorded {
			t.Errorf("%s: %s, %+v, recorded %t; want %s, %+v", name, got, r.Policy, r.Recorded, c.want, c.policy)
		}
	}
	if p := NewPolicy(1, time.Hour+time.Millisecond); p.GracePeriod() != time.Hour+time.Second {
		t.Errorf("a policy of an hour and a bit is %s", p.GracePeriod())
	}
	if p := NewPolicy(1, time.Second); p.GracePeriod() != MinGrace {
		t.Errorf("a policy of a second is %s", p.GracePeriod())
	}
}
