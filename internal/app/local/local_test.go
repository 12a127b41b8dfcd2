package local_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"os"
	"path/filepath"
	"testing"

	"github.com/kv-sync/kv-sync/internal/app/local"
)

func platformFile(t *testing.T, cache string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(cache, "kv-sync", "local", "*", "platform.json"))
	if err != nil || len(found) != 1 {
		t.Fatalf("platform files: %v, %v", found, err)
	}
	return found[0]
}

// A second command finds the running platform of its project. Another project has its own. Only
// the user can read the file.
func TestOnePlatformForEachProject(t *testing.T) {
	o := local.Options{CacheDir: t.TempDir(), Project: t.TempDir()}
	first, err := local.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	file := platformFile(t, o.CacheDir)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file with the token is %v, %v", info.Mode(), err)
	}
	if _, err := local.Start(t.Context(), o); !errors.As(err, new(*local.RunningError)) {
		t.Errorf("starting a second platform: %v", err)
	}
	second, err := local.Attach(t.Context(), o)
	if err != nil || second.Mine() || second.API != first.API || second.Token != first.Token {
		t.Fatalf("got %+v, %v", second, err)
	}
	other := o
	other.Project = t.TempDir()
	third, err := local.Attach(t.Context(), other)
	if err != nil || !third.Mine() || third.API == first.API {
		t.Fatalf("another project got %+v, %v", third, err)
	}
	for _, p := range []*local.Platform{third, second, first} {
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is left: %v", err)
	}
}

// The file of a killed platform is ignored, and another program that listens at its address does
// not get the token.
func TestStaleFile(t *testing.T) {
	o := local.Options{CacheDir: t.TempDir(), Project: t.TempDir()}
	p, err := local.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	file := platformFile(t, o.CacheDir)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	var said map[string]any
	if err := json.Unmarshal(b, &said); err != nil {
		t.Fatal(err)
	}
	stranger := httptest.NewServer(http.NotFoundHandler())
	defer stranger.Close()
	for _, api := range []string{said["api"].(string), stranger.URL + "/client/v4", "http://example.com/client/v4",
		"nonsense"} {
		said["api"] = api
		b, err := json.Marshal(said)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := local.Attach(t.Context(), o)
		if err != nil || !got.Mine() {
			t.Fatalf("%s: got %+v, %v", api, got, err)
		}
		if err := got.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// Sites works after the context was cancelled, because kv-sync dev lists the sites after Ctrl-C.
func TestSitesAfterCancellation(t *testing.T) {
	p, err := local.Start(t.Context(), local.Options{CacheDir: t.TempDir(), Project: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(t.Context()) //nolint:errcheck // checked in the other tests
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	code := textproto.MIMEHeader{"Content-Disposition": {`form-data; name="m.js"; filename="m.js"`},
		"Content-Type": {"application/javascript+module"}}
	part, err := form.CreatePart(code)
	if err == nil {
		_, err = part.Write([]byte("export default { fetch() {} }"))
	}
	if err := errors.Join(err, form.WriteField("metadata", `{"main_module":"m.js","compatibility_date":"2026-11-01"}`),
		form.Close()); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut,
		p.API+"/accounts/"+p.Account+"/workers/scripts/tides", &body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.Token)
	req.Header.Set("Content-Type", form.FormDataContentType())
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatal(res.Status)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if sites := p.Sites(ctx); len(sites) != 1 || sites["tides"] == "" {
		t.Errorf("the sites are %v", sites)
	}
}

func TestAttachHonoursTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := local.Options{CacheDir: t.TempDir(), Project: t.TempDir()}
	first, err := local.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close(t.Context()) //nolint:errcheck // checked in the other tests
	if _, err := local.Attach(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A command that runs the platform ends after the one that uses it, which would have no platform any
// more. A person who ends it need not wait.
func TestHold(t *testing.T) {
	o := local.Options{CacheDir: t.TempDir(), Project: t.TempDir(), Hold: true}
	for name, interrupted := range map[string]bool{"finished": false, "interrupted": true} {
		t.Run(name, func(t *testing.T) {
			first, err := local.Start(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			file := platformFile(t, o.CacheDir)
			second, err := local.Attach(t.Context(), o)
			if err != nil || second.Mine() {
				t.Fatal(second.Mine(), err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if interrupted {
				cancel()
			}
			closed := make(chan error, 1)
			go func() { closed <- first.Close(ctx) }()
			if !interrupted {
				for err = nil; err == nil; _, err = os.Stat(file) { // no other command finds it from now on
				}
				if second.Sites(t.Context()) == nil {
					t.Error("the platform that is held has ended")
				}
			}
			if !interrupted {
				err = second.Close(t.Context())
			}
			if cerr := <-closed; cerr != nil {
				t.Error(cerr)
			}
			if interrupted {
				err = second.Close(t.Context())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}
