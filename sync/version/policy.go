package version

import "time"

// Policy is what a deployment says about the prunes to come: how much they keep.
type Policy struct {
	// Retain is how many deployments, with the live one, can be rolled back to.
	Retain int `json:"retain,omitempty"`
	// Grace is for how many seconds a prune keeps what no root reaches, and every
	// deployment after its end.
	Grace int64 `json:"grace,omitempty"`
}

// NewPolicy is the policy of a configuration.
func NewPolicy(retain int, grace time.Duration) Policy {
	return Policy{retain, int64((grace + time.Second - 1) / time.Second)}
}

// Known reports whether the deployment recorded its policy. An older kv-sync did not.
func (p Policy) Known() bool { return p.Retain > 0 }

// MinGrace is the shortest grace period: what was written may take a minute and more to
// be seen.
const MinGrace = 10 * time.Minute

// GracePeriod is Grace as a duration, at least MinGrace if the policy is known.
func (p Policy) GracePeriod() time.Duration {
	period := time.Duration(p.Grace) * time.Second
	if p.Known() {
		return max(period, MinGrace)
	}
	return period
}

// Max keeps what either of two policies keeps.
func (p Policy) Max(o Policy) Policy { return Policy{max(p.Retain, o.Retain), max(p.Grace, o.Grace)} }

// Retention finds which deployments are retained, from the newest to the oldest. A
// retained deployment may say that more are, so what counts is the maximum of all
// retained ones and not the configuration of whoever prunes.
type Retention struct {
	// Policy is the maximum so far.
	Policy
	// Recorded: a retained deployment recorded its policy.
	Recorded bool

	kept map[string]bool // by name, whether it is certain
	// promised is how many deployments every policy so far retains, and least the
	// shortest grace period so far: an earlier prune may have deleted the others.
	promised int
	least    time.Duration
}

// NewRetention begins with a policy that counts in any case.
func NewRetention(given Policy) *Retention {
	return &Retention{Policy: given, kept: make(map[string]bool)}
}

// Add adds a deployment that ended so long ago; the live one has not ended. A deployment
// has one name in all its activations. certain is false for a retained deployment that a
// smaller policy in between allowed a prune to delete.
func (r *Retention) Add(name string, ended time.Duration, p Policy) (retained, certain bool) {
	before, again := r.kept[name]
	depth := len(r.kept)
	if ended > 0 && !again && ended >= r.GracePeriod() && depth >= r.Retain {
		return false, false
	}
	certain = ended <= 0 || before || ended < r.least || depth < r.promised
	r.kept[name] = certain
	if !p.Known() {
		return true, certain
	}
	if promise := depth + p.Retain; !again && (r.promised == 0 || promise < r.promised) {
		r.promised = promise
	}
	if r.least == 0 || p.GracePeriod() < r.least {
		r.least = p.GracePeriod()
	}
	r.Policy, r.Recorded = r.Max(p), true
	return true, certain
}
