package main

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/kv-sync/kv-sync/sync/plan"
)

// maxPlanJSON is below GitHub's limit for the outputs of a job, which is 1 MiB in UTF-16, and
// leaves some bytes for other steps.
const maxPlanJSON = 384 << 10

// planJSON returns the plan as one line of JSON, without its lists if these do not fit.
func planJSON(p *plan.Plan) (string, error) {
	if p == nil {
		return "", nil
	}
	b, err := json.Marshal(p)
	if err == nil && len(b) > maxPlanJSON {
		b, err = json.Marshal(shortened(p))
	}
	if err != nil {
		return "", fmt.Errorf("write the plan as JSON: %w", err)
	}
	return string(b), nil
}

// shortPlan is a plan without its lists.
type shortPlan struct {
	plan.Plan
	Added     []plan.Change `json:"added"`
	Changed   []plan.Change `json:"changed"`
	Removed   []plan.Change `json:"removed"`
	Truncated bool          `json:"truncated"`
}

func shortened(p *plan.Plan) shortPlan {
	none := []plan.Change{}
	short := shortPlan{Plan: *p, Added: none, Changed: none, Removed: none, Truncated: true}
	short.Notices, short.Shadowed, short.Retired, short.Guarded = nil, nil, nil, nil
	return short
}

// plans collects the plans of several projects as one JSON object by their ids. To stay below
// maxPlanJSON, it drops the longest lists first, and in the end all plans.
type plans struct {
	list  []*planText
	bytes int
	full  bool // the plans do not fit even without lists
	err   error
}

type planText struct {
	id          string
	text, short []byte
}

// gain returns how many bytes are saved by dropping the lists.
func (t *planText) gain() int { return len(t.text) - len(t.short) }

// add adds a plan; nil adds nothing.
func (p *plans) add(id string, plan *plan.Plan) {
	if plan == nil || p.full || p.err != nil {
		return
	}
	t := &planText{id: id}
	if t.text, p.err = json.Marshal(plan); p.err == nil {
		t.short, p.err = json.Marshal(shortened(plan))
	}
	p.list = append(p.list, t)
	p.bytes += len(`"":,`) + len(id) + len(t.text)
	for p.bytes > maxPlanJSON-len(`{}`) {
		longest := slices.MaxFunc(p.list, func(a, b *planText) int { return a.gain() - b.gain() })
		if longest.gain() <= 0 {
			p.list, p.full = nil, true
			return
		}
		p.bytes -= longest.gain()
		longest.text = longest.short
	}
}

// text returns the JSON object.
func (p *plans) text() (string, error) {
	all := make(map[string]any, len(p.list))
	for _, t := range p.list {
		all[t.id] = json.RawMessage(t.text)
	}
	if p.full {
		all["truncated"] = true // a boolean, so it is not mistaken for the plan of a project "truncated"
	}
	b, err := json.Marshal(all)
	if p.err != nil {
		err = p.err
	}
	if err != nil {
		return "", fmt.Errorf("write the plans as JSON: %w", err)
	}
	return string(b), nil
}
