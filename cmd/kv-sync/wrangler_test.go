package main

import (
	"context"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/tidwall/gjson"

	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
)

// wrangler ARGS runs the real wrangler as a client of kv-sync dev, as exec does. stdout has all
// of its output.
func runWrangler(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	w, err := platformtest.InstallWrangler(ctx)
	ts.Check(err)
	b, err := os.ReadFile(devFile(ts))
	ts.Check(err)
	at := gjson.ParseBytes(b)
	api := platformtest.API{
		BaseURL: at.Get("api").String(), Token: at.Get("token").String(), AccountID: at.Get("account").String(),
	}
	cmd := w.Command(ctx, api, ts.MkAbs("."), args...)
	out, err := cmd.CombinedOutput()
	_, werr := ts.Stdout().Write(out)
	ts.Check(werr)
	if (err == nil) == neg {
		ts.Fatalf("wrangler %v: %v", args, err)
	}
}
