package workers

import (
	"strings"
	"testing"
	"time"
)

// A Worker whose start never ends is refused.
func TestStartCheckTimeout(t *testing.T) {
	f := start(t, t.Output())
	f.checkLimit = 500 * time.Millisecond // a start that never ends exceeds any limit
	if answer := f.put("s", `for (;;);`); !strings.Contains(answer,
		`"code":10021,"message":"Script startup exceeded CPU time limit."`) {
		t.Error(answer)
	}
}
