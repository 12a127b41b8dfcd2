package app_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/bundle"
	"github.com/kv-sync/kv-sync/internal/cloudflare"
	"github.com/kv-sync/kv-sync/internal/config"
	"github.com/kv-sync/kv-sync/internal/source"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// The exit codes are those in docs/commands.md, also for an error with several causes.
func TestExplain(t *testing.T) {
	problem := []manifest.Problem{{Path: "a", Reason: "b"}}
	api := &cloudflare.APIError{Method: "GET", Path: "/x", Status: 403}
	wrap := func(err error) error { return fmt.Errorf("deploy: %w", err) }
	for name, tt := range map[string]struct {
		err      error
		kind     app.Kind
		code     int
		problems int
	}{
		"anything":      {errors.New("boom"), app.KindUnexpected, 1, 0},
		"usage":         {wrap(&app.UsageError{Err: errors.New("no token")}), app.KindUsage, 2, 0},
		"configuration": {&app.UsageError{Err: &config.Error{Problems: problem}}, app.KindUsage, 2, 1},
		"files":         {wrap(&manifest.RefusedError{Problems: problem}), app.KindRefused, 3, 1},
		"a tree bomb":   {wrap(&source.LimitError{Text: "endless"}), app.KindRefused, 3, 0},
		"the Worker":    {wrap(&bundle.Error{Problems: problem}), app.KindRefused, 3, 1},
		"guard": {wrap(&guard.Error{Guard: guard.Older,
			Finding: finding.Finding{Case: finding.CaseOlder}}), app.KindGuard, 4, 0},
		"a file changed":               {wrap(manifest.ErrChanged), app.KindGuard, 4, 0},
		"api":                          {wrap(api), app.KindAPI, 5, 0},
		"a Worker that does not start": {errors.Join(cloud.ErrWorkerRefused, api), app.KindRefused, 3, 0},
		"an ignored write":             {wrap(cloud.ErrIgnored), app.KindAPI, 5, 0},
		"an ignored deletion": {wrap(finding.New(finding.CasePruneIgnored, finding.Facts{Cause: cloud.ErrIgnored})),
			app.KindAPI, 5, 0},
		"quota": {wrap(&cloudflare.APIError{Status: 429, Codes: []int{10048}, Messages: []string{"m"}}),
			app.KindQuota, 6, 0},
		"unknown":          {wrap(cloud.ErrUnknown), app.KindUnknown, 7, 0},
		"unknown by API":   {errors.Join(cloud.ErrUnknown, api), app.KindUnknown, 7, 0},
		"unknown, Ctrl-C":  {errors.Join(context.Canceled, cloud.ErrUnknown), app.KindUnknown, 7, 0},
		"Ctrl-C":           {wrap(context.Canceled), app.KindInterrupted, 130, 0},
		"Ctrl-C in a call": {&cloudflare.APIError{Err: context.Canceled}, app.KindInterrupted, 130, 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := app.Explain(advice.Terminal, tt.err)
			if f.Kind != tt.kind || f.Code != tt.code || len(f.Problems) != tt.problems {
				t.Errorf("got %s, code %d, %d problems; want %s, %d, %d", f.Kind, f.Code, len(f.Problems), tt.kind, tt.code,
					tt.problems)
			}
			if f.Message == "" {
				t.Error("the message is empty")
			}
		})
	}
	if app.Explain(advice.Terminal, nil) != nil {
		t.Error("Explain(nil) is not nil")
	}
}

// The failure of a place names what a person has there: flags and variables, inputs, or settings.
func TestExplainSpells(t *testing.T) {
	noAccount := cloudflare.Check(cloudflare.Options{Token: "t"})
	denied := &cloudflare.APIError{Hint: finding.New(cloudflare.CaseInvalidToken, finding.Facts{})}
	for name, tt := range map[string]struct {
		err  error
		want [3]string
	}{
		"credentials": {&app.UsageError{Err: noAccount}, [3]string{"set CLOUDFLARE_ACCOUNT_ID to the 32 digits",
			"give the input account-id the 32 digits", "write account-id: the 32 digits"}},
		"the API's answer": {denied, [3]string{"check CLOUDFLARE_API_TOKEN, or", "check what the input api-token gets, or",
			"check CLOUDFLARE_API_TOKEN and the site's token-file, or"}},
		"the configuration": {&app.UsageError{Err: errors.New("no folder"), Fix: "name it with --dir"},
			[3]string{"name it with --dir", "name it with the input directory", "name it with the daemon's setting dir"}},
	} {
		for place, want := range tt.want {
			if f := app.Explain(advice.Place(place), tt.err); !strings.HasPrefix(f.Fix, want) {
				t.Errorf("%s in place %d: %q, want %q", name, place, f.Fix, want)
			}
		}
	}
}
