package pull

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Message is the metadata of a commit.
type Message struct {
	Author Person
	// Time is the time of the last edit.
	Time time.Time
	Text string
}

// Person is the author or committer of a commit.
type Person struct{ Name, Email string }

// String returns "Name <Email>", which is git's notation.
func (p Person) String() string { return p.Name + " <" + p.Email + ">" }

// tool is the committer. It is also the author if the edits have no author or several.
var tool = Person{Name: "kv-sync", Email: "kv-sync@users.noreply.github.com"}

// maxListed is the number of edits that a message lists.
const maxListed = 50

// Describe returns the message of a commit with the edits of a pull. If one person made all
// edits, that person is the author. Else kv-sync is, and the message names each person as a
// co-author.
func Describe(r *Report) Message {
	edits := slices.Concat(r.Taken, r.Removed)
	slices.SortFunc(edits, func(a, b Edit) int { return cmp.Compare(a.Path, b.Path) })
	m := Message{Author: tool}
	var people []Person
	for _, e := range edits {
		if e.Time.After(m.Time) {
			m.Time = e.Time
		}
		if p := person(e.Author); !slices.Contains(people, p) {
			people = append(people, p)
		}
	}
	if len(people) == 1 {
		m.Author = people[0]
	}

	var b strings.Builder
	b.WriteString(subject(edits) + "\n")
	if len(edits) > 0 {
		b.WriteString("\nEdits made at run time:\n\n")
	}
	for i, e := range edits {
		if i == maxListed {
			fmt.Fprintf(&b, "- and %d more\n", len(edits)-i)
			break
		}
		verb := "write"
		if e.Entry.Content == nil {
			verb = "delete"
		}
		text := line(e.Message, 200)
		if text != "" {
			text = ": " + text
		}
		fmt.Fprintf(&b, "- %s %s%s (%s)\n", verb, line(e.Path, 200), text, e.Time.UTC().Format(time.RFC3339))
	}
	if len(people) > 1 {
		b.WriteString("\n")
		for _, p := range people {
			if p != tool {
				fmt.Fprintf(&b, "Co-authored-by: %s\n", p)
			}
		}
	}
	m.Text = b.String()
	return m
}

func subject(edits []Edit) string {
	if len(edits) == 0 {
		return "Note which run-time edits are in git"
	}
	if len(edits) > 1 {
		return fmt.Sprintf("Pull %d edits made at run time", len(edits))
	}
	e := edits[0]
	verb := "Update"
	switch {
	case e.Entry.Content == nil:
		verb = "Delete"
	case len(e.Entry.Was) > 0 && e.Entry.Was[0].IsZero():
		verb = "Add"
	}
	return cmp.Or(line(e.Message, 72), verb+" "+line(e.Path, 60))
}

// person parses "Name <mail>" or "Name". It removes every character that would end the field
// in git's commit format.
func person(author string) Person {
	name, mail, _ := strings.Cut(author, "<")
	mail, _, _ = strings.Cut(mail, ">")
	clean := func(s string) string {
		return strings.Trim(strings.NewReplacer("<", "", ">", "").Replace(line(s, 100)), " .,:;\"'")
	}
	name, mail = clean(name), clean(mail)
	if name == "" && mail == "" {
		return tool
	}
	return Person{Name: cmp.Or(name, mail), Email: mail}
}

// line returns a text as one line of at most limit characters. It removes control characters
// and replaces brackets, because a CI service would obey "[skip ci]".
func line(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '[':
			return '('
		case r == ']':
			return ')'
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > limit {
		s = string(r[:limit-1]) + "…"
	}
	return s
}
