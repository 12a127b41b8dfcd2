package term

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	xterm "golang.org/x/term"

	"github.com/kv-sync/kv-sync/sync/humanize"
)

// Console writes to the two streams of one run. Its methods are safe for
// concurrent use. Close it before the program ends, so that no bar is left
// half-drawn.
type Console struct {
	out, err io.Writer
	color    bool // of out
	errColor bool
	bars     bool // err is a terminal that can redraw

	mu       sync.Mutex
	progress *mpb.Progress // nil while no bar is drawn
	bar      *mpb.Bar
	total    int64     // bytes of the bar
	said     time.Time // when a plain line last told the progress
}

// New returns a console. out takes what was asked for, err how it goes. Colours
// and bars are for terminals, and for no one who set NO_COLOR, CI or a dumb
// TERM.
func New(out, err io.Writer, getenv func(string) string) *Console {
	fancy := getenv("NO_COLOR") == "" && getenv("CI") == "" && getenv("TERM") != "dumb"
	c := &Console{out: out, err: err, color: fancy && IsTerminal(out), errColor: fancy && IsTerminal(err)}
	c.bars = c.errColor
	return c
}

// IsTerminal reports whether a stream is a terminal.
func IsTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && xterm.IsTerminal(int(f.Fd()))
}

// Say writes a line about how it goes.
func (c *Console) Say(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sayLocked(Lines(fmt.Sprintf(format, args...)))
}

// sayLocked writes above the bar, where there is one.
func (c *Console) sayLocked(line string) {
	if c.progress != nil {
		if _, err := io.WriteString(c.progress, line+"\n"); err == nil {
			return
		}
	}
	fmt.Fprintln(c.err, line)
}

// Through returns what another program writes to, about how it goes: nothing of
// it is changed.
func (c *Console) Through() io.Writer { return through{c} }

type through struct{ *Console }

// Write implements [io.Writer].
func (t through) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopBar()
	return t.err.Write(p)
}

// print writes what was asked for.
func (c *Console) print(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopBar()
	_, _ = io.WriteString(c.out, text)
}

// Close ends the bar.
func (c *Console) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopBar()
}

// style is an SGR parameter.
type style string

const (
	bold   style = "1"
	faint  style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
)

// paint is how text is coloured on one stream, or not at all.
type paint bool

func (p paint) with(s style, text string) string {
	if !p || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// page collects the lines of one output.
type page struct {
	strings.Builder
	paint
}

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// names lists the first of some names behind a mark.
func (p *page) names(mark string, s style, names []string) {
	for _, name := range names[:min(len(names), shown)] {
		p.line("  %s %s", p.with(s, mark), Visible(name))
	}
	p.more(mark, s, len(names))
}

// more says how many there are beyond those that are shown of a list.
func (p *page) more(mark string, s style, all int) {
	if all > shown {
		p.line("  %s and %s more", p.with(s, mark), humanize.Number(all-shown))
	}
}
