package objects

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// Commit is a decoded commit object.
type Commit struct {
	Tree    string
	parents []string
	Author  string // name only
	Time    time.Time
	Subject string
}

// parseCommit decodes a commit object as git does: the tree is on the first line, the parents
// are on the lines that follow. It ignores later lines with these names.
func parseCommit(data []byte) (*Commit, error) {
	c := &Commit{}
	head, message, _ := strings.Cut(string(data), "\n\n")
	line, head, _ := strings.Cut(head, "\n")
	if tree, ok := strings.CutPrefix(line, "tree "); ok {
		c.Tree = tree
	}
	for {
		parent, ok := strings.CutPrefix(head, "parent ")
		if !ok {
			break
		}
		parent, head, _ = strings.Cut(parent, "\n")
		c.parents = append(c.parents, parent)
	}
	for line := range strings.SplitSeq(head, "\n") {
		key, value, _ := strings.Cut(line, " ")
		switch key {
		case "author":
			name, _, _ := strings.Cut(value, " <")
			c.Author = strings.ToValidUTF8(name, "\ufffd")
		case "committer":
			c.Time = identTime(value)
		}
	}
	if !IsID(c.Tree) {
		return nil, errors.New("the commit names no tree")
	}
	for _, p := range c.parents {
		if !IsID(p) {
			return nil, errors.New("the commit is corrupt")
		}
	}
	c.Subject, _, _ = strings.Cut(strings.TrimLeft(message, "\n"), "\n")
	c.Subject = strings.ToValidUTF8(c.Subject, "\ufffd")
	return c, nil
}

// identTime reads the time of "Name <mail> 1700000000 +0100".
func identTime(ident string) time.Time {
	fields := strings.Fields(ident[strings.LastIndexByte(ident, '>')+1:])
	if len(fields) == 0 {
		return time.Time{}
	}
	seconds, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil || seconds < 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
