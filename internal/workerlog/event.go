package workerlog

import (
	"encoding/json"
	"fmt"
	"strings"
)

// event is what the tail Worker reports.
type event struct {
	Service string          `json:"service"`
	Type    string          `json:"type"`    // "exception" or "log"
	Name    string          `json:"name"`    // of the exception
	Text    json.RawMessage `json:"message"` // of an exception a string, of a log a list of values
	Stack   string          `json:"stack"`   // the frames of the exception
	Level   string          `json:"level"`   // of the log
}

// report writes an event.
func (p *Process) report(e event) {
	w, ok := p.workers[e.Service]
	if !ok {
		return
	}
	text := leveled(e.Level, e.values())
	if e.Type == "exception" {
		text = e.exception(w)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.write(named(w.Name, text))
}

// exception returns the text of an exception with its stack.
func (e event) exception(w Worker) string {
	var message string
	_ = json.Unmarshal(e.Text, &message) // "" if Text is not a string
	text := "Uncaught " + e.Name + ": " + message
	if frames := mapped(e.Stack, w.Map); frames != "" {
		text += "\n" + frames
	}
	return text
}

// values returns the text of the values that were passed to a method of console.
func (e event) values() string {
	var list []any
	if json.Unmarshal(e.Text, &list) != nil {
		return string(e.Text)
	}
	var texts []string
	for _, v := range list {
		if s, ok := v.(string); ok {
			texts = append(texts, s)
			continue
		}
		raw, err := json.Marshal(v)
		if err != nil {
			raw = fmt.Append(nil, v)
		}
		texts = append(texts, string(raw))
	}
	return strings.Join(texts, " ")
}
