package cloudflare

import (
	"context"
	"fmt"

	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/workers"

	"github.com/kv-sync/kv-sync/sync/layout"
)

var _ layout.ScriptCode = (*Script)(nil)

// Script returns the script with this name, which may not exist. It sends nothing.
func (a *Account) Script(name string) *Script { return newScript(a, name) }

// Code returns the script's modules as the API sends them: a multipart form with the bytes of
// each module.
func (s *Script) Code(ctx context.Context) ([]byte, error) {
	var code []byte
	c := &call{what: fmt.Sprintf("read the code of Worker %q", s.name), needs: scriptsEdit, value: &code}
	err := s.do(ctx, c, func(name string, o ...option.RequestOption) error {
		var p workers.ScriptContentGetParams
		p.AccountID.Value = s.account.id
		_, err := s.scripts.Content.Get(ctx, name, p, o...) //nolint:bodyclose // send closes the body
		return err
	})
	return code, err
}
