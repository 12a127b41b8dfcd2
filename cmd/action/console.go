package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/sethvargo/go-githubactions"

	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/site"
)

// console is the job's log. It prints every text as one line, so that names from a repository
// become neither workflow commands nor further lines. It replaces secrets, also those that the
// runner does not mask. Its methods are safe for concurrent use.
type console struct {
	a       *githubactions.Action
	w       io.Writer
	hide    *strings.Replacer
	verbose bool
	// flat is set if all lines are in one group, so that stages begin no groups.
	flat bool

	mu    sync.Mutex
	group site.Stage
	// annotated are the annotations so far, because several projects may report the same one.
	annotated map[string]bool
	// step is the last printed tenth of the upload.
	step int
}

// newConsole masks the secrets before anything is printed.
func newConsole(a *githubactions.Action, w io.Writer, secret []string) *console {
	var pairs []string
	for _, s := range secret {
		a.AddMask(s)
		pairs = append(pairs, s, "***", escape(s), "***") // as in the log, and as in the summary
	}
	return &console{a: a, w: w, hide: strings.NewReplacer(pairs...), verbose: a.Getenv("RUNNER_DEBUG") == "1"}
}

// clean turns a text into one printable line.
func (c *console) clean(s string) string {
	s = c.hide.Replace(s)
	var b strings.Builder
	for _, r := range s {
		if r == ' ' || unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		}
	}
	// The runner executes "##[command]" anywhere in a line, but "::command::" only at the
	// beginning of a line.
	s = strings.ReplaceAll(b.String(), "##[", "# #[")
	if strings.HasPrefix(strings.TrimSpace(s), "::") {
		s = "| " + s
	}
	return s
}

// say prints one line.
func (c *console) say(format string, args ...any) {
	line := c.clean(fmt.Sprintf(format, args...))
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintln(c.w, line)
}

// level is the level of an annotation.
type level int

const (
	levelNotice level = iota
	levelWarning
	levelError
)

// annotate annotates a line of a file, or the job if file is "". It ignores an annotation that
// it has printed before.
func (c *console) annotate(l level, file string, line int, title, message string) {
	fields := map[string]string{"title": c.clean(title)}
	if file != "" {
		fields["file"] = c.clean(file)
		fields["line"] = strconv.Itoa(max(line, 1))
	}
	var lines []string
	for s := range strings.Lines(message) {
		lines = append(lines, c.clean(strings.TrimRight(s, "\r\n")))
	}
	a, text := c.a.WithFieldsMap(fields), strings.Join(lines, "\n")
	key := fmt.Sprintf("%d %q %q", l, fields, text)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.annotated[key] {
		return
	}
	if c.annotated == nil {
		c.annotated = make(map[string]bool)
	}
	c.annotated[key] = true
	switch l {
	case levelError:
		a.Errorf("%s", text)
	case levelWarning:
		a.Warningf("%s", text)
	default:
		a.Noticef("%s", text)
	}
}

// titles are the titles of the log's groups.
var titles = map[site.Stage]string{
	site.StagePlan:   "Plan",
	site.StageUpload: "Upload",
	site.StageSwitch: "Switch",
}

// enter ends the current group and begins the group of a stage. With "" it begins none.
func (c *console) enter(s site.Stage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s == c.group || c.flat {
		return
	}
	if c.group != "" {
		c.a.EndGroup()
	}
	if c.group = s; s != "" {
		c.a.Group(titles[s])
	}
}

// aside returns a console that writes to a buffer, for [console.fold].
func (c *console) aside() (*console, *bytes.Buffer) {
	var kept bytes.Buffer
	a := githubactions.New(githubactions.WithGetenv(c.a.Getenv), githubactions.WithWriter(&kept))
	return &console{a: a, w: &kept, hide: c.hide, verbose: c.verbose, flat: true}, &kept
}

// fold prints the lines of a buffer as one group.
func (c *console) fold(title string, kept *bytes.Buffer) {
	title = c.clean(title)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.a.Group(title)
	_, _ = kept.WriteTo(c.w) // an error of the log cannot be reported
	c.a.EndGroup()
}

// progress prints what the engine does.
func (c *console) progress(p site.Progress) {
	c.enter(p.Stage)
	switch {
	case p.Plan != nil:
		c.plan(p.Plan)
	case p.Note != "":
		c.say("%s", p.Note)
	case p.TotalFiles > 0:
		if tenth := 10 * p.Files / p.TotalFiles; tenth > c.step || tenth == 0 && c.step == 0 && p.Files == 1 {
			c.step = tenth
			c.say("%d of %d files, %s of %s", p.Files, p.TotalFiles, humanize.Bytes(p.Bytes), humanize.Bytes(p.TotalBytes))
		}
	}
}

// logger returns a log for the packages below. Debug records are printed if the
// workflow is debugged (RUNNER_DEBUG).
func (c *console) logger() *slog.Logger { return slog.New(handler{c: c}) }

type handler struct {
	c     *console
	attrs string
}

// Enabled implements [slog.Handler].
func (h handler) Enabled(_ context.Context, l slog.Level) bool {
	return l >= slog.LevelInfo || h.c.verbose
}

// Handle implements [slog.Handler].
func (h handler) Handle(_ context.Context, r slog.Record) error {
	text := r.Message + h.attrs
	r.Attrs(func(a slog.Attr) bool {
		text += " " + a.String()
		return true
	})
	if r.Level >= slog.LevelInfo {
		h.c.say("%s", text)
		return nil
	}
	text = h.c.clean(text)
	h.c.mu.Lock()
	defer h.c.mu.Unlock()
	h.c.a.Debugf("%s", text)
	return nil
}

// WithAttrs implements [slog.Handler].
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		h.attrs += " " + a.String()
	}
	return h
}

// WithGroup implements [slog.Handler]; groups are not printed.
func (h handler) WithGroup(string) slog.Handler { return h }
