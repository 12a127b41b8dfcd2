package platform

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A Worker whose start never ends is refused.
func TestStartCheckTimeout(t *testing.T) {
	s, err := Open(Options{CheckScripts: true, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(context.Background())           //nolint:errcheck // the folder is temporary
	s.workers.checkLimit = 500 * time.Millisecond // a start that never ends exceeds any limit
	body := strings.ReplaceAll(`--b
Content-Disposition: form-data; name="metadata"

{"main_module":"m.js","compatibility_date":"2026-11-01"}
--b
Content-Disposition: form-data; name="m.js"; filename="m.js"
Content-Type: application/javascript+module

for (;;);
--b--
`, "\n", "\r\n")
	req := httptest.NewRequest("PUT",
		"http://127.0.0.1/client/v4/accounts/0123456789abcdef0123456789abcdef/workers/scripts/s", strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer any")
	req.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	answer := httptest.NewRecorder()
	s.ServeHTTP(answer, req)
	if !strings.Contains(answer.Body.String(), `"code":10021,"message":"Script startup exceeded CPU time limit."`) {
		t.Error(answer.Body)
	}
}
