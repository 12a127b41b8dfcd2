package tails

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// filter is an element of the filters of a tail. One member is set. An event must match every
// filter.
type filter struct {
	SamplingRate *float64      `json:"sampling_rate"`
	Outcome      []string      `json:"outcome"`
	Method       []string      `json:"method"`
	Header       *headerFilter `json:"header"`
	ClientIP     []string      `json:"client_ip"`
	Query        string        `json:"query"` // a part of the console output
	Version      string        `json:"scriptVersion"`
}

// headerFilter matches requests with a header, and with Query only those whose value
// contains it.
type headerFilter struct {
	Key   string `json:"key"`
	Query string `json:"query"`
}

// self is the client address of whoever creates the tail.
const self = "self"

// check refuses filters that no event can match. It writes methods in upper case.
func (f *filter) check() *api.Error {
	for i, method := range f.Method {
		f.Method[i] = strings.ToUpper(method)
	}
	if rate := f.SamplingRate; rate != nil && (*rate <= 0 || *rate > 1) {
		return api.Failure(http.StatusBadRequest, 10021, "a sampling rate must be between 0 and 1, not %g", *rate)
	}
	return nil
}

func (f *filter) matches(e *event) bool {
	switch {
	case f.SamplingRate != nil && rand.Float64() >= *f.SamplingRate: //nolint:gosec // it is no secret
		return false
	case len(f.Outcome) > 0 && !slices.Contains(f.Outcome, e.outcome):
		return false
	case len(f.Method) > 0 && !slices.Contains(f.Method, strings.ToUpper(e.method)):
		return false
	case f.Header != nil && !f.Header.matches(e.headers):
		return false
	case len(f.ClientIP) > 0 && !f.from(e.headers["cf-connecting-ip"]):
		return false
	case f.Version != "" && f.Version != e.version:
		return false
	case f.Query != "" && !slices.ContainsFunc(e.logs, func(log string) bool { return strings.Contains(log, f.Query) }):
		return false
	}
	return true
}

func (h *headerFilter) matches(headers map[string]string) bool {
	value, ok := headers[strings.ToLower(h.Key)]
	return ok && strings.Contains(value, h.Query)
}

// from reports whether an address matches the filter. All clients of the platform have the same
// address, so self matches every visitor.
func (f *filter) from(address string) bool {
	return address != "" && (slices.Contains(f.ClientIP, address) || slices.Contains(f.ClientIP, self))
}
