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

	"github.com/kv-sync/kv-sync/internal/planview"
	"github.com/kv-sync/kv-sync/sync/humanize"
)

// Console writes to the two streams of one run. Its methods are safe for concurrent
// use. Close it before the program ends, or an unfinished bar stays on the screen.
type Console struct {
	out, err io.Writer
	color    bool // of out
	errColor bool
	bars     bool // err is a terminal that can redraw
	all      bool // lists are printed whole
	flags    string
	build    string

	mu       sync.Mutex
	progress *mpb.Progress // nil while no bar is drawn
	bar      *mpb.Bar
	total    int64     // bytes of the bar
	reported time.Time // when the last plain line about the progress was printed
}

// New returns a console that prints results to out, and progress, notes and failures
// to err. Colours and bars need a terminal. NO_COLOR, CI and TERM=dumb turn them off.
func New(out, err io.Writer, getenv func(string) string) *Console {
	fancy := getenv("NO_COLOR") == "" && getenv("CI") == "" && getenv("TERM") != "dumb"
	c := &Console{out: out, err: err, color: fancy && IsTerminal(out), errColor: fancy && IsTerminal(err)}
	c.bars = c.errColor
	return c
}

// ListAll makes the console print lists whole, and not only their first names.
func (c *Console) ListAll() { c.all = true }

// Suggest sets the flags that select the site, each after a space, for the commands in advice.
func (c *Console) Suggest(flags string) { c.flags = flags }

// Builds sets the command that builds the published folder, for [planview.Reader].
func (c *Console) Builds(command string) { c.build = command }

// IsTerminal reports whether a stream is a terminal.
func IsTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && xterm.IsTerminal(int(f.Fd()))
}

// Say prints a line about the progress of the run.
func (c *Console) Say(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sayLocked(Lines(fmt.Sprintf(format, args...)))
}

// sayLocked prints above the bar, if there is one.
func (c *Console) sayLocked(line string) {
	if c.progress != nil {
		if _, err := io.WriteString(c.progress, line+"\n"); err == nil {
			return
		}
	}
	fmt.Fprintln(c.err, line)
}

// Through returns a writer that prints the output of another program unchanged.
func (c *Console) Through() io.Writer { return through{c} }

type through struct{ *Console }

// Write implements [io.Writer].
func (t through) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopBar()
	return t.err.Write(p)
}

// print writes a result.
func (c *Console) print(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopBar()
	_, _ = io.WriteString(c.out, text)
}

// Close removes the bar.
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

// paint reports whether a stream supports colours.
type paint bool

func (p paint) with(s style, text string) string {
	if !p || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

func (p paint) mark(m planview.Mark) string { return p.with(styles[m], string(m)) }

// page collects the lines of one output.
type page struct {
	strings.Builder
	paint
	all   bool   // lists are printed whole
	flags string // as in Console
}

func (c *Console) page(color bool) *page {
	return &page{paint: paint(color), all: c.all, flags: c.flags}
}

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// shown is the number of names that are printed of a list.
const shown = 20

// first returns how many names of a list are printed.
func (p *page) first(all int) int {
	if p.all {
		return all
	}
	return min(all, shown)
}

// names lists the first names, each after a mark.
func (p *page) names(mark string, s style, names []string) {
	for _, name := range names[:p.first(len(names))] {
		p.line("  %s %s", p.with(s, mark), Visible(name))
	}
	p.more(mark, s, len(names))
}

// more says how many names of a list are not shown.
func (p *page) more(mark string, s style, all int) {
	if left := all - p.first(all); left > 0 {
		p.line("  %s and %s more (-v lists them)", p.with(s, mark), humanize.Number(left))
	}
}
