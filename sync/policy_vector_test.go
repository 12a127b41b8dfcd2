package kvsync_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/site"
)

// readPolicy decodes a file of testdata/policy. The tests of worker/ read it too.
func readPolicy(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../testdata/policy", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// offline is an account for an engine that sends nothing.
type offline struct{ cloud.Account }

func (offline) Workers(string) cloud.Workers { return nil }

// An engine without settings retains what a deploy of the Worker library does.
func TestDefaultsVector(t *testing.T) {
	var want struct {
		Retain int
		Grace  int64 `json:"grace_seconds"`
	}
	readPolicy(t, "defaults.json", &want)
	e, err := kvsync.New(site.Config{Site: "shop", Account: offline{}})
	if err != nil {
		t.Fatal(err)
	}
	if e.Client().Retain != want.Retain || e.Client().Grace != time.Duration(want.Grace)*time.Second {
		t.Errorf("%d deployments and %s, want %+v", e.Client().Retain, e.Client().Grace, want)
	}
}

func TestLimitsVector(t *testing.T) {
	var want struct {
		Value int64 `json:"value_bytes"`
		File  int64 `json:"file_bytes"`
	}
	readPolicy(t, "limits.json", &want)
	if want.Value != manifest.MaxValueBytes || want.File != manifest.MaxFileBytes {
		t.Errorf("values of %d bytes and files of %d, want %+v", manifest.MaxValueBytes, int64(manifest.MaxFileBytes), want)
	}
	for size, chunked := range map[int64]bool{want.Value: false, want.Value + 1: true} {
		if got := (manifest.Asset{Size: size}).Chunked(); got != chunked {
			t.Errorf("a file of %d bytes is chunked: %v", size, got)
		}
	}
}

// A site and a project may be called what the Worker library allows.
func TestNamesVector(t *testing.T) {
	var cases []struct {
		Name  string
		Valid bool
	}
	readPolicy(t, "names.json", &cases)
	if len(cases) < 15 {
		t.Fatalf("only %d names", len(cases))
	}
	for _, c := range cases {
		_, where := kvsync.New(site.Config{Site: c.Name, Account: offline{}})
		_, project := kvsync.New(site.Config{Project: c.Name, Account: offline{}})
		if (where == nil) != c.Valid || c.Name != "" && (project == nil) != c.Valid {
			t.Errorf("%q: %v, %v, want valid %v", c.Name, where, project, c.Valid)
		}
		if where != nil && !strings.HasPrefix(where.Error(), "site name") {
			t.Errorf("%q: %v", c.Name, where)
		}
	}
}
