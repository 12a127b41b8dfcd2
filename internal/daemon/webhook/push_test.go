package webhook

import (
	"bytes"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParse(t *testing.T) {
	for name, want := range map[string]Push{
		"github-push.json": {
			Ref: "refs/heads/main", After: "59b20b8d5c6ff8d09518216e87bc3a64e0b1e3b5",
			Addresses: []string{"https://github.com/me/blog.git", "git@github.com:me/blog.git", "https://github.com/me/blog"},
		},
		"github-delete.json": {
			Ref: "refs/heads/old", Deleted: true,
			Addresses: []string{"https://github.com/me/blog.git", "git@github.com:me/blog.git", "https://github.com/me/blog"},
		},
		"gitlab-push.json": {
			Ref: "refs/heads/feature/new-look", After: "da1560886d4f094c3e6c9ef40349f7d38b5d27d7",
			Addresses: []string{"https://git.example.com/group/sub/shop.git", "ssh://git@git.example.com:2222/group/sub/shop.git", "https://git.example.com/group/sub/shop"},
		},
		"gitea-push.json": {
			Ref: "refs/heads/develop", After: "bffeb74224043ba2feb48d137756c8a9331c449a",
			Addresses: []string{"http://git.example.org:3000/me/docs.git", "ssh://gitea@git.example.org:2222/me/docs.git", "http://git.example.org:3000/me/docs"},
		},
	} {
		got, err := parse(fixture(t, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestPushOf(t *testing.T) {
	p, err := parse(fixture(t, "gitlab-push.json"))
	if err != nil {
		t.Fatal(err)
	}
	if p.Branch() != "feature/new-look" {
		t.Error(p.Branch())
	}
	for remote, want := range map[string]bool{
		"git@git.example.com:group/sub/shop.git":              true,
		"https://deploy:token@git.example.com/group/sub/shop": true,
		"git@git.example.com:Group/sub/Shop.git":              true,
		"git@git.example.com:sub/shop.git":                    false,
		"":                                                    false,
	} {
		if p.Of(remote) != want {
			t.Errorf("a push of %q: %t", remote, !want)
		}
	}
}

const sha = "59b20b8d5c6ff8d09518216e87bc3a64e0b1e3b5"

func TestParseRefuses(t *testing.T) {
	repository := `"repository":{"clone_url":"https://github.com/me/blog.git"}`
	for body, noBranch := range map[string]bool{
		``:                          false,
		`null`:                      false,
		`[]`:                        false,
		`{}`:                        false,
		`{"ref":"refs/heads/main"}`: false,
		`{"ref":7,"after":"` + sha + `",` + repository + `}`:                                                 false,
		`{"ref":"refs/heads/main","after":"` + sha + `"}`:                                                    false,
		`{"ref":"refs/heads/main","after":"` + sha + `","repository":"me/blog"}`:                             false,
		`{"ref":"refs/heads/main","after":"` + sha + `","repository":{"clone_url":""}}`:                      false,
		`{"ref":"refs/heads/main","after":"--upload-pack=x",` + repository + `}`:                             false,
		`{"ref":"refs/heads/main","after":"` + strings.ToUpper(sha) + `",` + repository + `}`:                false,
		`{"ref":"refs/heads/a b","after":"` + sha + `",` + repository + `}`:                                  false,
		`{"ref":"refs/heads/a\u0000b","after":"` + sha + `",` + repository + `}`:                             false,
		`{"ref":"refs/heads/` + strings.Repeat("x", maxName) + `","after":"` + sha + `",` + repository + `}`: false,
		`{"ref":"refs/heads/main","after":"` + sha + `",` + repository + `}{}`:                               false,
		strings.Repeat(`{"repository":`, 100_000):                                                            false,
		`{"ref":"refs/heads/","after":"` + sha + `",` + repository + `}`:                                     true,
		`{"ref":"refs/tags/v1","after":"` + sha + `",` + repository + `}`:                                    true,
		`{"ref":"refs/notes/commits","after":"` + sha + `",` + repository + `}`:                              true,
		`{"object_kind":"tag_push","ref":"refs/tags/v1"}`:                                                    true,
	} {
		p, err := parse([]byte(body))
		if err == nil || errors.Is(err, errNoBranch) != noBranch {
			t.Errorf("%.100s: %+v, %v", body, p, err)
		}
		if err != nil && len(err.Error()) > 100 {
			t.Errorf("%.100s: the error repeats what came: %.200s", body, err)
		}
	}
	// An object id of SHA-256.
	if _, err := parse([]byte(`{"ref":"refs/heads/main","after":"` + strings.Repeat("ab", 32) + `",` + repository + `}`)); err != nil {
		t.Error(err)
	}
}

func TestFormPayload(t *testing.T) {
	for form, want := range map[string]string{
		"payload=%7B%22a%22%3A+1%7D": `{"a": 1}`,
		"x=1&payload=a%26b&y=2":      "a&b",
		"payload=":                   "",
		"payload=%2b%C3%B6":          "+ö",
	} {
		got, err := formPayload([]byte(form))
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", form, got, err)
		}
	}
	for _, form := range []string{"", "payload", "x=payload=1", "payload=%", "payload=%4", "payload=%zz", "Payload=1", `{"ref":""}`} {
		if got, err := formPayload([]byte(form)); err == nil {
			t.Errorf("%s: %q", form, got)
		}
	}
}

// parse never panics, and what it lets through keeps to its bounds.
func FuzzParse(f *testing.F) {
	names, err := filepath.Glob("testdata/*.json")
	if err != nil || len(names) < 5 {
		f.Fatalf("%d fixtures, %v", len(names), err)
	}
	for _, name := range names {
		f.Add(fixture(f, filepath.Base(name)))
	}
	f.Add([]byte(`{"ref":"refs/heads/x","after":"` + sha + `","repository":{"ssh_url":"a:b"},"project":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := parse(body)
		if err != nil {
			return
		}
		if p.Branch() == "" || p.Branch() == p.Ref || len(p.Ref) > maxName || len(p.Addresses) == 0 || p.Deleted != (p.After == "") {
			t.Errorf("%+v", p)
		}
		for _, a := range p.Addresses {
			if !p.Of(a) || len(a) > maxName {
				t.Errorf("%q is none of %+v", a, p)
			}
		}
	})
}

// The decoder in place reads what the standard library's reads.
func FuzzFormPayload(f *testing.F) {
	for _, s := range []string{"payload=%7B%7D", "a=b&payload=+%2B", "payload=a&payload=b", "payload=%", ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, form []byte) {
		values, err := url.ParseQuery(string(form))
		got, gotErr := formPayload(bytes.Clone(form))
		if err == nil && values.Has("payload") && bytes.Contains(form, []byte("payload=")) && (gotErr != nil || values.Get("payload") != string(got)) {
			for part := range strings.SplitSeq(string(form), "&") { // "p%61yload=" is not a name that a forge writes
				if key, _, _ := strings.Cut(part, "="); key != "payload" && strings.ContainsAny(key, "%") || part == "payload" {
					return
				}
			}
			t.Errorf("%q: %q, %v; not %q", form, got, gotErr, values.Get("payload"))
		}
	})
}
