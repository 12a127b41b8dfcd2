package triggers

import (
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// cron is one schedule of a script.
type cron struct {
	Expression string    `json:"cron"`
	Created    time.Time `json:"created_on"`
	Modified   time.Time `json:"modified_on"`
}

// cronField matches a field of a schedule: lists of values, ranges and steps, and names of months
// and days. Cloudflare also takes L, W and #.
var cronField = regexp.MustCompile(`^[0-9A-Za-z*/,#-]+$`)

func (s *Store) cronsGet(c *api.Call) *api.Error {
	script, apiErr := s.script(c)
	if apiErr != nil {
		return apiErr
	}
	var crons []cron
	s.accounts.View(c.Account, func(t *triggers) { crons = t.Crons[script] })
	return c.Reply(map[string]any{"schedules": api.OrEmpty(crons)})
}

// cronsPut replaces the schedules of a script.
func (s *Store) cronsPut(c *api.Call) *api.Error {
	script, apiErr := s.script(c)
	if apiErr != nil {
		return apiErr
	}
	var crons []cron
	if apiErr := c.Decode(&crons); apiErr != nil {
		return apiErr
	}
	for i := range crons {
		if apiErr := crons[i].check(); apiErr != nil {
			return apiErr
		}
		crons[i].Created, crons[i].Modified = api.Now(), api.Now()
	}
	apiErr = s.accounts.Change(c.Account, func(t *triggers) *api.Error {
		if t.Crons == nil {
			t.Crons = map[string][]cron{}
		}
		t.Crons[script] = crons
		return nil
	})
	return c.ReplyUnless(apiErr, map[string]any{"schedules": api.OrEmpty(crons)})
}

// check refuses a text that is not a schedule of five fields. It does not check their ranges.
func (cr *cron) check() *api.Error {
	fields := strings.Fields(cr.Expression)
	ok := len(fields) == 5
	for _, field := range fields {
		ok = ok && cronField.MatchString(field)
	}
	if !ok {
		return api.Failure(http.StatusBadRequest, 10100, "invalid cron string: %s", cr.Expression)
	}
	return nil
}
