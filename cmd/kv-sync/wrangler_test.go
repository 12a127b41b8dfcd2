package main

import (
	"bytes"
	"context"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/tidwall/gjson"

	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
)

// runWrangler ARGS runs the real wrangler as a client of kv-sync dev. Its output
// is that of exec.
func runWrangler(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	w, err := platformtest.InstallWrangler(ctx)
	ts.Check(err)
	b, err := os.ReadFile(devFile(ts))
	ts.Check(err)
	at := gjson.ParseBytes(b)
	cmd := w.Command(ctx, at.Get("api").String(), at.Get("token").String(), at.Get("account").String(), ts.MkAbs("."), args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	ts.Logf("%s", out.Bytes())
	if (err == nil) == neg {
		ts.Fatalf("wrangler %v: %v", args, err)
	}
}
