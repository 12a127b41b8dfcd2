package term

import (
	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/app/advice"
)

// Explained is an error with the text and the fix that a git hook prints.
type Explained struct{ Err error }

// Error implements error.
func (e Explained) Error() string {
	f := app.Explain(advice.Hook, e.Err)
	text := f.Message
	for _, p := range f.Problems {
		text += "\n  " + p.String()
	}
	if f.Fix != "" {
		text += "; " + f.Fix
	}
	return text
}

// Unwrap returns the error.
func (e Explained) Unwrap() error { return e.Err }
