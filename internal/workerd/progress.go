package workerd

import "fmt"

// progress is a writer that logs each tenth of a download that was written to it.
type progress struct {
	total, done int64 // in bytes; total is negative if it is unknown
	log         func(format string, args ...any)
}

// size returns the size of the download, for people.
func (p *progress) size() string {
	if p.total < 0 {
		return "about 50 MB"
	}
	return fmt.Sprintf("%.0f MB", float64(p.total)/1e6)
}

// Write implements [io.Writer].
func (p *progress) Write(b []byte) (int, error) {
	before := p.done
	p.done += int64(len(b))
	if p.total > 0 && p.done*10/p.total > before*10/p.total {
		p.log("fetching workerd: %d %%", p.done*10/p.total*10)
	}
	return len(b), nil
}
