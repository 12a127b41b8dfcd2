package pull

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Message is what a commit says of itself.
type Message struct {
	Author Person
	// Time is that of the last edit in it.
	Time time.Time
	Text string
}

// Person is somebody as git names people.
type Person struct{ Name, Email string }

// String is the person as git writes it.
func (p Person) String() string { return p.Name + " <" + p.Email + ">" }

// tool commits, and is the author of what nobody or several people wrote.
var tool = Person{Name: "kv-sync", Email: "kv-sync@users.noreply.github.com"}

// mostNamed is how many edits a message lists.
const mostNamed = 50

// Describe makes the message of a commit with the edits of a pull. Where one
// person made all of them it is theirs; else each is named as a co-author.
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
		if i == mostNamed {
			fmt.Fprintf(&b, "- and %d more\n", len(edits)-i)
			break
		}
		verb := "write"
		if e.Entry.Content == nil {
			verb = "delete"
		}
		fmt.Fprintf(&b, "- %s %s%s (%s)\n", verb, line(e.Path, 200), told(": ", e.Message), e.Time.UTC().Format(time.RFC3339))
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

func told(before, s string) string {
	if s = line(s, 200); s == "" {
		return ""
	}
	return before + s
}

// person reads "Name <mail>", or a name alone. Nothing of it can break out of a
// line of a commit.
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

// line is text on one line, without what a terminal, git or a forge would act on
// ("[skip ci]"), at most so many characters.
func line(s string, most int) string {
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
	if r := []rune(s); len(r) > most {
		s = string(r[:most-1]) + "…"
	}
	return s
}
