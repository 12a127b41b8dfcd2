package scripts

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

const account = "0123456789abcdef0123456789abcdef"

// idle is a runtime that runs nothing.
type idle struct{}

func (idle) Open(_, _ string, port int) (int, error)                          { return port, nil }
func (idle) Activate(string)                                                  {}
func (idle) Remove(_, _ string)                                               {}
func (idle) Available() error                                                 { return nil }
func (idle) Check(context.Context, string, *Draft) (warnings string, _ error) { return "", nil }

// open opens the store in a folder.
func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(Options{Dir: dir, Log: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(idle{}); err != nil {
		t.Fatal(err)
	}
	return s
}

// put uploads a script with PUT, and returns the response.
func put(s *Store, name, code string) string {
	body := strings.ReplaceAll(fmt.Sprintf(`--b
Content-Disposition: form-data; name="metadata"

{"main_module":"m.js","compatibility_date":"2026-11-01"}
--b
Content-Disposition: form-data; name="m.js"; filename="m.js"
Content-Type: application/javascript+module

%s
--b--
`, code), "\n", "\r\n")
	req := httptest.NewRequest("PUT", "/", strings.NewReader(body))
	req.SetPathValue("script", name)
	req.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	answer := httptest.NewRecorder()
	if apiErr := s.scriptPut(&api.Call{W: answer, R: req, Account: account}); apiErr != nil {
		return apiErr.Error()
	}
	return answer.Body.String()
}
