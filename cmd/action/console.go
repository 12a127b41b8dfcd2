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

	"github.com/kv-sync/kv-sync/internal/app"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/humanize"
)

// console is the job's log. Whatever it is given, a line of text stays a line
// of text: names out of a repository become neither workflow commands nor
// further lines, and secrets are not shown even where the runner does not mask.
// Its methods are safe for concurrent use.
type console struct {
	a       *githubactions.Action
	w       io.Writer
	hide    *strings.Replacer
	verbose bool
	// flat: all of it is one group, so the stages are none.
	flat bool

	mu    sync.Mutex
	group kvsync.Stage
	// annotated is what was annotated before: what several projects share, each
	// of them says.
	annotated map[string]bool
	// step is the tenth of the uploads that was last told.
	step int
}

// newConsole masks the secrets before anything else is printed.
func newConsole(a *githubactions.Action, w io.Writer, secret []string) *console {
	var pairs []string
	for _, s := range secret {
		a.AddMask(s)
		pairs = append(pairs, s, "***", inert(s), "***") // as the log has it, and the summary
	}
	return &console{a: a, w: w, hide: strings.NewReplacer(pairs...), verbose: a.Getenv("RUNNER_DEBUG") == "1"}
}

// clean makes one printable line of any text.
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
	// The runner obeys "##[command]" anywhere in a line, "::command::" at its
	// beginning only.
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

// level is how an annotation looks.
type level int

const (
	levelNotice level = iota
	levelWarning
	levelError
)

// annotate puts a message at a file and line, once. An empty file is the job
// itself.
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

// titles of the groups that the log folds into.
var titles = map[kvsync.Stage]string{
	kvsync.StagePlan:   "Plan",
	kvsync.StageUpload: "Upload",
	kvsync.StageSwitch: "Switch",
}

// enter begins the group of a stage, and ends the one before; "" only ends.
func (c *console) enter(s kvsync.Stage) {
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

// aside is a console whose lines are kept until fold prints them.
func (c *console) aside() (*console, *bytes.Buffer) {
	var kept bytes.Buffer
	a := githubactions.New(githubactions.WithGetenv(c.a.Getenv), githubactions.WithWriter(&kept))
	return &console{a: a, w: &kept, hide: c.hide, verbose: c.verbose, flat: true}, &kept
}

// fold prints, as one group, what was kept.
func (c *console) fold(title string, kept *bytes.Buffer) {
	title = c.clean(title)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.a.Group(title)
	_, _ = kept.WriteTo(c.w) // a log that cannot be written cannot be told of either
	c.a.EndGroup()
}

// progress tells what the engine does.
func (c *console) progress(p kvsync.Progress) {
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

// loggedPaths is how many paths of a plan the log lists; the output plan-json
// has more.
const loggedPaths = 500

// plan prints the difference.
func (c *console) plan(p *kvsync.Plan) {
	if p.NoChange {
		c.say("No change: %s is live as it is.", p.Site)
		return
	}
	left := loggedPaths
	for _, part := range []struct {
		sign    string
		changes []kvsync.Change
	}{{"+", p.Added}, {"~", p.Changed}, {"-", p.Removed}} {
		for _, ch := range part.changes {
			if left--; left < 0 {
				continue
			}
			if part.sign == "-" && p.Traits().InPlace { // there its size is not known
				c.say("  - %s", ch.Path)
				continue
			}
			c.say("  %s %s  %s", part.sign, ch.Path, humanize.Bytes(ch.Size))
		}
	}
	if left < 0 {
		c.say("  and %d more", -left)
	}
	c.say("%s", counts(p))
	for _, line := range reachable(p) {
		c.say("%s", line)
	}
}

// reachable says which files of earlier deployments stay reachable, and which do
// not although they might have.
func reachable(p *kvsync.Plan) (lines []string) {
	if text := app.RetiredText(p, "run kv-sync deploy "+named(p.Site)+" --forget by hand"); text != "" {
		lines = append(lines, text)
	}
	if text := app.GuardedText(p); text != "" {
		lines = append(lines, text)
	}
	return lines
}

// counts says what a plan comes to.
func counts(p *kvsync.Plan) string {
	most := ""
	if p.AtMost {
		most = "at most "
	}
	s := fmt.Sprintf("%d added, %d changed, %d removed, %d unchanged; %s%d to upload (%s), %d KV writes",
		len(p.Added), len(p.Changed), len(p.Removed), p.Unchanged, most, p.Blobs, humanize.Bytes(p.Bytes), p.Writes)
	if p.Ahead > 0 {
		s += fmt.Sprintf("; %d uploaded ahead", p.Ahead)
	}
	if p.WorkerChanged {
		s += "; the Worker changes"
	}
	return s
}

// logger gives the rooms below a log: debug lines where the workflow is
// debugged, the rest as lines.
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

// WithGroup implements [slog.Handler]; groups do not show.
func (h handler) WithGroup(string) slog.Handler { return h }
