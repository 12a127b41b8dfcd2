package version

import "time"

// Policy says how much later prunes keep. A deployment records it.
type Policy struct {
	// Retain is how many deployments, with the live one, can be rolled back to.
	Retain int `json:"retain,omitempty"`
	// Grace is the number of seconds for which a prune keeps keys that no root names, and
	// every deployment after its end.
	Grace int64 `json:"grace,omitempty"`
}

// NewPolicy returns the policy of a configuration.
func NewPolicy(retain int, grace time.Duration) Policy {
	return Policy{retain, int64((grace + time.Second - 1) / time.Second)}
}

// Known reports whether the deployment recorded its policy. An older kv-sync did not.
func (p Policy) Known() bool { return p.Retain > 0 }

// MinGrace is the shortest grace period. It may take more than a minute until a write to
// KV is visible.
const MinGrace = 10 * time.Minute

// GracePeriod returns Grace as a duration, at least MinGrace if the policy is known.
func (p Policy) GracePeriod() time.Duration {
	period := time.Duration(p.Grace) * time.Second
	if p.Known() {
		return max(period, MinGrace)
	}
	return period
}

// Max returns a policy that keeps everything that one of the two policies keeps.
func (p Policy) Max(o Policy) Policy { return Policy{max(p.Retain, o.Retain), max(p.Grace, o.Grace)} }

// Retention finds which deployments are retained, from the newest to the oldest. Each
// retained deployment has recorded a policy, and the maximum of these policies counts. The
// configuration of the machine that prunes does not count.
type Retention struct {
	// Policy is the maximum so far.
	Policy
	// Recorded is set if a retained deployment recorded its policy.
	Recorded bool

	kept map[string]bool // the retained deployments by name, and whether each is certain
	// promised is the number of deployments that all policies so far retain, and least
	// the shortest grace period so far. An earlier prune may have deleted deployments
	// that are beyond both.
	promised int
	least    time.Duration
}

// NewRetention begins with a policy that counts in addition to the recorded ones.
func NewRetention(given Policy) *Retention {
	return &Retention{Policy: given, kept: make(map[string]bool)}
}

// Add adds a deployment. ended is how long ago it ended, 0 for the live one. A deployment
// has the same name in all its activations. certain is false for a retained deployment
// that a prune under a smaller policy in between may have deleted.
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
