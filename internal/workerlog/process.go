package workerlog

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/kv-sync/kv-sync/internal/printable"
)

// Process writes the log of one process of workerd. Its methods are safe for concurrent use.
type Process struct {
	workers map[string]Worker // by service
	to      io.Writer

	mu   sync.Mutex
	part []byte // the beginning of a line
}

// Worker is a Worker of a process.
type Worker struct {
	// Name is the Worker's name in the log.
	Name string
	// Map returns the source map of a module, or nil. It may be nil.
	Map func(module string) []byte
}

// NewProcess returns the log of a process with these Workers, by the names of their services.
func NewProcess(workers map[string]Worker, to io.Writer) *Process {
	return &Process{workers: workers, to: to}
}

// maxLine is the length at which a line without an end is cut.
const maxLine = 256 << 10

// Write writes the output of the process to the log. It implements [io.Writer].
func (p *Process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.part = append(p.part, b...)
	for {
		end := bytes.IndexByte(p.part, '\n')
		if end < 0 && len(p.part) < maxLine {
			return len(b), nil
		}
		rest := end + 1
		if end < 0 || end > maxLine {
			end, rest = maxLine, maxLine
		}
		p.write(p.rendered(string(p.part[:end])))
		p.part = append([]byte(nil), p.part[rest:]...)
	}
}

// write writes lines. mu is held.
func (p *Process) write(lines []string) {
	if len(lines) > 0 {
		_, _ = io.WriteString(p.to, strings.Join(lines, "\n")+"\n") // a failing log must not stop the Worker
	}
}

// output is a line of output. It is from a Worker's console, or if it has a source, from workerd.
type output struct {
	Level   string          `json:"level"`
	Source  string          `json:"source"`
	Message string          `json:"message"`
	Time    json.RawMessage `json:"timestamp"`
}

// rendered returns the lines of the log for one line of output.
func (p *Process) rendered(line string) []string {
	var out output
	switch {
	case json.Unmarshal([]byte(line), &out) != nil || out.Level == "":
		return []string{"workerd: " + printable.Text(line)}
	case out.Source == "":
		return p.console(out)
	case p.reported(out):
		return nil
	}
	return []string{"workerd: " + printable.Text(out.Level+": "+out.Message)}
}

// reported reports whether the tail Worker reports the same exception.
func (p *Process) reported(out output) bool {
	return strings.HasPrefix(out.Message, "Uncaught exception: ") && strings.Contains(out.Message, "jsg.")
}

// console returns the lines of the log for the output of a Worker. If there are several Workers, it
// returns none: the tail Worker reports the output with the Worker's name.
func (p *Process) console(out output) []string {
	names := map[string]bool{}
	for _, w := range p.workers {
		names[w.Name] = true
	}
	if len(names) > 1 && string(out.Time) != "0" { // time 0 is at the start, when no tail Worker runs
		return nil
	}
	name := strings.Join(slices.Sorted(maps.Keys(names)), " or ")
	return named(name, leveled(out.Level, out.Message))
}

// leveled adds the level in front of a text, unless the text is from console.log.
func leveled(level, text string) string {
	if level == "log" || level == "" {
		return text
	}
	return level + ": " + text
}

// named returns the lines of a text, each with the name of its Worker.
func named(name, text string) []string {
	var lines []string
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		lines = append(lines, "["+printable.Text(name)+"] "+printable.Text(strings.ReplaceAll(line, "\t", "    ")))
	}
	return lines
}

// Failure returns the output of the process as text, if it did not start. It is what workerd prints
// without JSON and without its warnings, with positions in the source where source maps are known.
func (p *Process) Failure(text string) string {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		var out output
		if json.Unmarshal([]byte(line), &out) != nil || out.Level == "" {
			lines = append(lines, line)
			continue
		}
		if out.Source == "" || out.Level != "warn" {
			lines = append(lines, p.located(out.Message))
		}
	}
	return strings.Join(lines, "\n")
}

// located replaces the positions in a message about a Worker by those in its source.
func (p *Process) located(message string) string {
	service, _, _ := strings.Cut(strings.TrimPrefix(message, "service "), ": ")
	return mapped(message, p.workers[service].Map)
}
