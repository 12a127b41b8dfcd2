package hooks

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

var (
	oid  = strings.Repeat("a", 40)
	zero = strings.Repeat("0", 40)
)

// malformed are lines that git does not send.
var malformed = map[Kind][]string{
	PrePushHook: {
		"x", "a b c d", "\n", "\r\n", "\x00", " ", "   ",
		"refs/heads/main " + oid + " refs/heads/main",
		"refs/heads/main " + oid + " main " + zero,
		"refs/heads/main " + oid + " refs/heads/main " + zero + zero[:24],
		"refs/heads/main " + oid[:39] + " refs/heads/main " + zero,
		"refs/heads/main " + strings.ToUpper(oid) + " refs/heads/main " + zero,
		"refs/heads/main " + oid + " refs/heads/main " + zero + " ",
		"refs/heads/main " + oid + " refs/heads/ma\x00in " + zero,
		"refs/heads/main\t" + oid + "\trefs/heads/main\t" + zero,
		strings.Repeat("x", 1<<20),
		strings.Repeat("x", 1<<20) + " " + oid + " refs/heads/main " + zero,
	},
	PostReceiveHook: {
		"x", "a b c", "\n", "\x00", "  ",
		oid + " " + oid, oid + " " + oid + " main", oid + " " + oid + " refs/heads/main extra",
		oid + "  " + oid + " refs/heads/main",
		oid + " " + oid[:20] + " refs/heads/main", "refs/heads/main " + oid + " refs/heads/main " + zero,
		strings.Repeat("x", 1<<20),
	},
}

func TestMalformedLinesAreReported(t *testing.T) {
	good := map[Kind]string{
		PrePushHook:     "refs/heads/main " + oid + " refs/heads/main " + zero + "\n",
		PostReceiveHook: zero + " " + oid + " refs/heads/main\n",
	}
	for k, list := range malformed {
		for _, bad := range list {
			for at, text := range map[int]string{1: bad, 2: good[k] + strings.TrimSuffix(bad, "\n") + "\n" + good[k]} {
				updates, err := readUpdates(k, strings.NewReader(text))
				var bad *malformedError
				if !errors.As(err, &bad) || bad.line != at || bad.count != 1 {
					t.Errorf("%s, %.60q: %v", k, text, err)
					continue
				}
				if want := 2 * (at - 1); len(updates) != want {
					t.Errorf("%s, %.60q: %d of the other lines count, want %d", k, text, len(updates), want)
				}
				if text := err.Error(); !strings.Contains(text, "standard input") || !strings.Contains(text, string(k)) ||
					len(text) > 1000 {
					t.Errorf("the error is %.300s", text)
				}
			}
		}
	}
	_, err := readUpdates(PrePushHook, strings.NewReader("a\nb\nc\n"))
	if err == nil || !strings.Contains(err.Error(), "and 2 more lines are malformed") {
		t.Errorf("three malformed lines: %v", err)
	}
	failing := errors.New("the pipe broke")
	if _, err := readUpdates(PrePushHook, readerFunc(func([]byte) (int, error) { return 0, failing })); !errors.Is(err,
		failing) {
		t.Errorf("a broken pipe: %v", err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestReadUpdates(t *testing.T) {
	long := strings.Repeat("b", 64)
	for line, want := range map[string]string{
		"": "[]",
		"refs/heads/main " + oid + " refs/heads/main " +
			zero: "[{refs/heads/main a refs/heads/main 0}]",
		"refs/heads/main " + oid + " refs/heads/main " + zero +
			"\r\n": "[{refs/heads/main a refs/heads/main 0}]",
		"HEAD^{/fix the title} " + oid + " refs/heads/main " + zero +
			"\n": "[{HEAD^{/fix the title} a refs/heads/main 0}]",
		"(delete) " + zero + " refs/heads/main " + oid:         "[{(delete) 0 refs/heads/main a}]",
		"refs/tags/v1 " + oid + " refs/tags/v1 " + zero + "\n": "[]",
		"x " + long + " refs/heads/main " + long:               "[{x b refs/heads/main b}]",
		"a " + oid + " refs/heads/a " + zero + "\nb " + oid + " refs/heads/b " +
			zero: "[{a a refs/heads/a 0} {b a refs/heads/b 0}]",
	} {
		updates, err := readUpdates(PrePushHook, strings.NewReader(line))
		for i, u := range updates {
			updates[i].local, updates[i].remote = u.local[:1], u.remote[:1]
		}
		if got := fmt.Sprint(updates); err != nil || got != want {
			t.Errorf("%q gives %s, %v", line, got, err)
		}
	}
	updates, err := readUpdates(PostReceiveHook, strings.NewReader(
		zero+" "+oid+" refs/heads/main\r\n"+oid+" "+zero+" refs/heads/old\n"+zero+" "+oid+" refs/tags/v1\n"))
	if err != nil || len(updates) != 2 || updates[0].deletes() || !updates[0].creates() || !updates[1].deletes() {
		t.Errorf("%+v, %v", updates, err)
	}
}

func FuzzLines(f *testing.F) {
	for k, list := range malformed {
		for _, line := range list {
			f.Add(k == PrePushHook, line)
		}
	}
	f.Add(true, "refs/heads/main "+oid+" refs/heads/main "+zero+"\n")
	f.Add(false, zero+" "+oid+" refs/heads/main\n")
	f.Fuzz(func(t *testing.T, push bool, text string) {
		k := PostReceiveHook
		if push {
			k = PrePushHook
		}
		updates, err := readUpdates(k, strings.NewReader(text))
		if err != nil && !strings.Contains(err.Error(), "standard input") {
			t.Errorf("the error is %v", err)
		}
		for _, u := range updates {
			if !u.valid() || !strings.HasPrefix(u.remoteRef, "refs/heads/") || push == (u.localRef == "") {
				t.Errorf("an update is %+v", u)
			}
		}
	})
}

func TestPushOfPreCommit(t *testing.T) {
	resolve := func(revision string) string {
		if revision == "refs/heads/main" {
			return oid
		}
		return ""
	}
	for name, tt := range map[string]struct {
		env  map[string]string
		want string
	}{
		"nothing":    {nil, ""},
		"manual run": {map[string]string{"PRE_COMMIT_FROM_REF": oid, "PRE_COMMIT_TO_REF": oid}, ""},
		"a push": {map[string]string{"PRE_COMMIT_FROM_REF": strings.Repeat("b", 40), "PRE_COMMIT_TO_REF": oid,
			"PRE_COMMIT_REMOTE_BRANCH": "refs/heads/live", "PRE_COMMIT_LOCAL_BRANCH": "refs/heads/main"}, "a b refs/heads/live"},
		"whole history": {map[string]string{"PRE_COMMIT_REMOTE_BRANCH": "refs/heads/live",
			"PRE_COMMIT_LOCAL_BRANCH": "refs/heads/main"}, "a 0 refs/heads/live"},
		"unknown branch": {map[string]string{"PRE_COMMIT_REMOTE_BRANCH": "refs/heads/live",
			"PRE_COMMIT_LOCAL_BRANCH": "refs/heads/other"}, ""},
		"not a ref": {map[string]string{"PRE_COMMIT_TO_REF": oid, "PRE_COMMIT_REMOTE_BRANCH": "live"}, ""},
		"not an object": {map[string]string{"PRE_COMMIT_TO_REF": "--help", "PRE_COMMIT_REMOTE_BRANCH": "refs/heads/live"},
			""},
	} {
		got := ""
		if u, ok := fromPreCommit(func(n string) string { return tt.env[n] }, resolve); ok {
			got = u.local[:1] + " " + u.remote[:1] + " " + u.remoteRef
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
