package webhook

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadPushOfDeletedBranch(t *testing.T) {
	want := []Push{{
		Ref: "refs/heads/old", Deleted: true,
		Addresses: []string{"https://github.com/me/blog.git", "git@github.com:me/blog.git", "https://github.com/me/blog"},
	}}
	got, err := readPush(fixture(t, "github-delete.json"))
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%v: %s", err, d)
	}
}

func TestPushOf(t *testing.T) {
	pushes, err := readPush(fixture(t, "gitlab-push.json"))
	if err != nil {
		t.Fatal(err)
	}
	p := pushes[0]
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

func TestReadPushRefuses(t *testing.T) {
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
		p, err := readPush([]byte(body))
		if err == nil || errors.Is(err, errNoBranch) != noBranch {
			t.Errorf("%.100s: %+v, %v", body, p, err)
		}
		if err != nil && len(err.Error()) > 100 {
			t.Errorf("%.100s: the error repeats the input: %.200s", body, err)
		}
	}
	// A SHA-256 object id is valid.
	long := `{"ref":"refs/heads/main","after":"` + strings.Repeat("ab", 32) + `",` + repository + `}`
	if _, err := readPush([]byte(long)); err != nil {
		t.Error(err)
	}
}

// readPush never panics, and its result is within the bounds.
func FuzzReadPush(f *testing.F) {
	names, err := filepath.Glob("testdata/*.json")
	if err != nil || len(names) < 5 {
		f.Fatalf("%d fixtures, %v", len(names), err)
	}
	for _, name := range names {
		f.Add(fixture(f, filepath.Base(name)))
	}
	f.Add([]byte(`{"ref":"refs/heads/x","after":"` + sha + `","repository":{"ssh_url":"a:b"},"project":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		pushes, err := readPush(body)
		if err != nil {
			return
		}
		p := pushes[0]
		if p.Branch() == "" || p.Branch() == p.Ref || len(p.Ref) > maxName || len(p.Addresses) == 0 ||
			p.Deleted != (p.After == "") {
			t.Errorf("%+v", p)
		}
		for _, a := range p.Addresses {
			if !p.Of(a) || len(a) > maxName {
				t.Errorf("%q is not an address of %+v", a, p)
			}
		}
	})
}
