package tails

import (
	"encoding/json"
	"strings"
)

// report is the message of a process to Sink. It has the events of one version of a script.
type report struct {
	Account string                       `json:"account"`
	Script  string                       `json:"script"`
	Version string                       `json:"version"`
	Events  []map[string]json.RawMessage `json:"events"` // workerd's TraceItems
}

// event is an event as clients get it, and what filters look at.
type event struct {
	json    []byte
	version string
	outcome string
	method  string            // "" unless it is a request
	headers map[string]string // of a request; the names are in lower case
	logs    []string          // console output as text
}

// event returns an event and adds the names of script and version, which workerd does not know.
func (r *report) event(members map[string]json.RawMessage) *event {
	members["scriptName"] = marshal(r.Script)
	members["scriptVersion"] = marshal(map[string]string{"id": r.Version})
	e := &event{json: marshal(members), version: r.Version}
	var seen struct {
		Outcome string `json:"outcome"`
		Event   struct {
			Request struct {
				Method  string            `json:"method"`
				Headers map[string]string `json:"headers"`
			} `json:"request"`
		} `json:"event"`
		Logs []struct {
			Message json.RawMessage `json:"message"`
		} `json:"logs"`
	}
	_ = json.Unmarshal(e.json, &seen) // other events have other members
	e.outcome, e.method, e.headers = seen.Outcome, seen.Event.Request.Method, seen.Event.Request.Headers
	for _, log := range seen.Logs {
		e.logs = append(e.logs, text(log.Message))
	}
	return e
}

// text returns the arguments of a console method as text.
func text(message json.RawMessage) string {
	var arguments []json.RawMessage
	if json.Unmarshal(message, &arguments) != nil {
		return string(message)
	}
	words := make([]string, len(arguments))
	for i, argument := range arguments {
		if json.Unmarshal(argument, &words[i]) != nil {
			words[i] = string(argument)
		}
	}
	return strings.Join(words, " ")
}

func marshal(v any) []byte {
	raw, _ := json.Marshal(v) //nolint:errchkjson // the values are strings and valid JSON
	return raw
}
