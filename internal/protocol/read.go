package protocol

// message is what the newest activation of the live deployment says that kv-sync made, if
// Cloudflare lists it; otherwise what the hold record says.
func (m *machine) message(s *state) (commit, hold uint8) {
	live := s.top().deployment
	for i := s.n; i > m.shown(s); i-- {
		if a := s.list[i-1]; a.deployment == live && a.kind != edited && a.kind != chosen {
			return a.commit, a.hold
		}
	}
	if held := s.runs[live].held; held.there && m.follows(HoldRecord) {
		return held.commit, held.hold
	}
	return s.runs[live].commit, 0
}

// retained returns the deployments that are kept: the last ones, and those that ended within the
// grace period. Only some activations are known.
func (m *machine) retained(s *state, known uint16) (kept uint8) {
	count, ended := uint8(0), uint8(0)
	for i := s.n; i > 0; i-- {
		x := s.list[i-1]
		if known&(1<<(i-1)) == 0 {
			continue
		}
		if kept&(1<<x.deployment) == 0 && (count < m.Retain || ended < grace) {
			kept |= 1 << x.deployment
			count++
		}
		ended = x.age
	}
	return kept
}

// known returns the activations that the list and the records show. If the list is long enough,
// no record is read.
func (m *machine) known(s *state) uint16 {
	known := m.listed(s)
	if !m.follows(RecordsExtendTheList) {
		return known
	}
	for i := range s.runs {
		if s.runs[i].record {
			known |= s.runs[i].past
		}
	}
	return known
}

// names returns the keys of a set of deployments whose manifests can be read.
func (s *state) names(deployments uint8) (keys keySet) {
	for d := range uint8(maxRuns) {
		if deployments&(1<<d) != 0 && s.runs[d].record {
			keys |= s.runs[d].names
		}
	}
	return keys
}
