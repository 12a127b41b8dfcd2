// Package finding describes what the engine found, without advice: a [Case] and
// its [Facts]. What helps depends on whether the reader types flags, writes a
// workflow or looks at a web page, which the engine does not know.
package finding

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Case is a situation that ends a run or deserves a notice. Its value is the
// sentence that describes it; [Facts] fill in the words in braces.
type Case string

// Facts are the data that a text about a [Case] needs. Which of them are set
// depends on the case.
type Facts struct {
	// Site is the site, or "project/" and a project's id.
	Site string
	// Name is another name: a script, a namespace, a binding or a setting.
	Name string
	// Commit is the commit in question, Than what it is compared with.
	Commit, Than string
	// Deployment and Version are ids.
	Deployment, Version string
	// Repository is the repository of this run, From that of the live version.
	Repository, From string
	// Key is a key in KV, Path a pathname or a folder.
	Key, Path string
	// What is a quantity such as "3 files", or what a person asked for.
	What string
	// Count is a number and Of its limit or total.
	Count, Of int
	// Span is a length of time.
	Span time.Duration
	// Cause is the error behind it.
	Cause error
}

// Fill replaces the words in braces in a text by the facts that they name.
func (f Facts) Fill(text string) string {
	if !strings.Contains(text, "{") {
		return text
	}
	return strings.NewReplacer(
		"{site}", f.Site, "{name}", f.Name,
		"{commit}", fmt.Sprintf("%.12s", f.Commit), "{than}", f.Than,
		"{deployment}", f.Deployment, "{version}", f.Version,
		"{repository}", f.Repository, "{from}", f.From,
		"{key}", fmt.Sprintf("%.100q", f.Key), "{path}", f.Path, "{what}", f.What,
		"{count}", strconv.Itoa(f.Count), "{of}", strconv.Itoa(f.Of), "{span}", f.Span.String(),
		"{cause}", fmt.Sprint(f.Cause),
	).Replace(text)
}

// Finding is a case with its facts. It is returned as an error if it ends the run
// and no guard did.
type Finding struct {
	Case  Case
	Facts Facts
}

// Error describes what was found.
func (f *Finding) Error() string { return f.Facts.Fill(string(f.Case)) }

// Unwrap returns the error behind it.
func (f *Finding) Unwrap() error { return f.Facts.Cause }

// New returns a finding, which is an error.
func New(c Case, f Facts) *Finding { return &Finding{Case: c, Facts: f} }
