package cloudflare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/workers"

	"github.com/kv-sync/kv-sync/internal/loopback"
	"github.com/kv-sync/kv-sync/sync/cloud"
)

// Script is one Worker script. Activate and PutScript are switches: they are sent again only if
// the earlier attempt was certainly not carried out.
type Script struct {
	account *Account
	name    string
	scripts *workers.ScriptService
}

var _ cloud.Workers = (*Script)(nil)

func newScript(a *Account, name string) *Script {
	return &Script{a, name, workers.NewScriptService(a.options...)}
}

// Activations lists the deployments, the active one first. It returns ErrNotFound if the script
// does not exist.
func (s *Script) Activations(ctx context.Context) ([]cloud.Activation, error) {
	var list struct {
		Deployments []struct {
			ID       string
			Created  time.Time `json:"created_on"`
			Author   string    `json:"author_email"`
			Versions []struct {
				ID         string `json:"version_id"`
				Percentage float64
			}
			Annotations map[string]any
		}
	}
	c := &call{what: fmt.Sprintf("list the deployments of Worker %q", s.name), needs: scriptsEdit}
	// A response without the list must not look like a Worker without deployments.
	c.read = into(&list, func() bool {
		for _, d := range list.Deployments {
			if d.ID == "" || len(d.Versions) == 0 {
				return false
			}
		}
		return list.Deployments != nil
	})
	err := s.do(ctx, c, func(name string, o ...option.RequestOption) error {
		var p workers.ScriptDeploymentListParams
		p.AccountID.Value = s.account.id
		_, err := s.scripts.Deployments.List(ctx, name, p, o...)
		return err
	})
	if err != nil {
		return nil, err
	}
	all := make([]cloud.Activation, len(list.Deployments))
	for i, d := range list.Deployments {
		all[i] = cloud.Activation{ID: d.ID, Created: d.Created, Author: d.Author}
		all[i].Message, _ = d.Annotations["workers/message"].(string)
		for _, v := range d.Versions {
			all[i].Versions = append(all[i].Versions, cloud.Share{Version: v.ID, Percent: v.Percentage})
		}
	}
	return all, nil
}

// Version reads one version with all its bindings, including those of unknown types.
func (s *Script) Version(ctx context.Context, id string) (cloud.Version, error) {
	version, err := segment("Worker version", id)
	if err != nil {
		return cloud.Version{}, err
	}
	var v struct {
		ID       string
		Metadata struct {
			Created time.Time `json:"created_on"`
		}
		Resources struct{ Bindings []map[string]json.RawMessage }
	}
	var bindings []cloud.Binding
	c := &call{what: fmt.Sprintf("read version %s of Worker %q", id, s.name), needs: scriptsEdit}
	c.read = into(&v, func() (ok bool) {
		bindings, ok = readBindings(v.Resources.Bindings)
		return ok && v.ID != ""
	})
	err = s.do(ctx, c, func(name string, o ...option.RequestOption) error {
		var p workers.ScriptVersionGetParams
		p.AccountID.Value = s.account.id
		_, err := s.scripts.Versions.Get(ctx, name, version, p, o...)
		return err
	})
	if err != nil {
		return cloud.Version{}, err
	}
	return cloud.Version{ID: v.ID, Created: v.Metadata.Created, Bindings: bindings}, nil
}

func readBindings(list []map[string]json.RawMessage) ([]cloud.Binding, bool) {
	bindings := make([]cloud.Binding, len(list))
	for i, fields := range list {
		b := &bindings[i]
		if json.Unmarshal(fields["name"], &b.Name) != nil || json.Unmarshal(fields["type"], &b.Type) != nil {
			return nil, false
		}
		delete(fields, "name")
		delete(fields, "type")
		b.Fields = fields
	}
	return bindings, true
}

// UploadVersion creates a version that is not active, and returns its id. It omits the settings
// that belong to the script.
func (s *Script) UploadVersion(ctx context.Context, u cloud.Upload) (string, error) {
	what := fmt.Sprintf("upload a version of Worker %q", s.name)
	form, err := scriptForm(u, true)
	if err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	var made struct{ ID string }
	c := &call{what: what, needs: scriptsEdit, body: form, worker: true}
	c.read = into(&made, func() bool { return made.ID != "" })
	err = s.do(ctx, c, func(name string, o ...option.RequestOption) error {
		var p workers.ScriptVersionNewParams
		p.AccountID.Value = s.account.id
		_, err := s.scripts.Versions.New(ctx, name, p, append(o, strictInherit)...)
		return err
	})
	return made.ID, err
}

// strictInherit makes the API return an error for an inherit binding that it cannot resolve.
// Without it, the binding, for instance a secret, would disappear.
var strictInherit = option.WithQuery("bindings_inherit", "strict")

// PutScript uploads a script and makes it live in one step.
func (s *Script) PutScript(ctx context.Context, u cloud.Upload) error {
	what := fmt.Sprintf("upload Worker %q", s.name)
	form, err := scriptForm(u, false)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	c := &call{what: what, needs: scriptsEdit, body: form, worker: true, once: true, read: hasResult}
	return s.do(ctx, c, func(name string, o ...option.RequestOption) error {
		var p workers.ScriptUpdateParams
		p.AccountID.Value = s.account.id
		// With excludeScript the response does not repeat the script.
		o = append(o, strictInherit, option.WithQuery("excludeScript", "true"))
		_, err := s.scripts.Update(ctx, name, p, o...)
		return err
	})
}

// hasResult refuses a success without a result, which does not show that the call was
// carried out.
func hasResult(e envelope) error {
	if len(e.Result) == 0 || string(e.Result) == "null" {
		return errors.New("it has no result")
	}
	return nil
}

// Activate makes the versions live, with their shares of the traffic.
func (s *Script) Activate(ctx context.Context, versions []cloud.Share, message string, force bool) error {
	type share struct {
		Version string  `json:"version_id"`
		Percent float64 `json:"percentage"`
	}
	shares := make([]share, len(versions))
	for i, v := range versions {
		shares[i] = share{v.Version, v.Percent}
	}
	deployment := map[string]any{"strategy": "percentage", "versions": shares}
	if notes := annotations(message, ""); len(notes) > 0 {
		deployment["annotations"] = notes
	}
	body, err := json.Marshal(deployment)
	if err != nil {
		return err
	}
	c := &call{
		what:  fmt.Sprintf("activate a version of Worker %q", s.name),
		needs: scriptsEdit,
		body:  payload{jsonType, [][]byte{body}},
		once:  true,
		read:  hasResult,
	}
	return s.do(ctx, c, func(name string, o ...option.RequestOption) error {
		var p workers.ScriptDeploymentNewParams
		p.AccountID.Value = s.account.id
		if force {
			o = append(o, option.WithQuery("force", "true"))
		}
		_, err := s.scripts.Deployments.New(ctx, name, p, o...)
		return err
	})
}

// MigrationTag returns the tag of the last Durable Object migration that the
// script has applied, or "".
func (s *Script) MigrationTag(ctx context.Context) (string, error) {
	var all []struct {
		ID  string
		Tag string `json:"migration_tag"`
	}
	c := &call{what: "list the Workers", needs: scriptsEdit, read: into(&all, func() bool { return all != nil })}
	err := s.do(ctx, c, func(_ string, o ...option.RequestOption) error {
		var p workers.ScriptListParams
		p.AccountID.Value = s.account.id
		_, err := s.scripts.List(ctx, p, o...)
		return err
	})
	if err != nil {
		return "", err
	}
	for _, script := range all {
		if script.ID == s.name {
			return script.Tag, nil
		}
	}
	return "", nil
}

// PatchSettings changes settings that belong to the script, not to a version.
func (s *Script) PatchSettings(ctx context.Context, settings map[string]json.RawMessage) error {
	body, err := json.Marshal(settings)
	if err != nil {
		return err
	}
	c := &call{
		what:  fmt.Sprintf("change the settings of Worker %q", s.name),
		needs: scriptsEdit,
		body:  payload{jsonType, [][]byte{body}},
	}
	return s.do(ctx, c, func(name string, o ...option.RequestOption) error {
		var p workers.ScriptSettingEditParams
		p.AccountID.Value = s.account.id
		_, err := s.scripts.Settings.Edit(ctx, name, p, o...)
		return err
	})
}

// Delete deletes the script. It is not forced: Cloudflare refuses while another script is bound
// to it.
func (s *Script) Delete(ctx context.Context) error {
	c := &call{what: fmt.Sprintf("delete Worker %q", s.name), needs: scriptsEdit}
	err := s.do(ctx, c, func(name string, o ...option.RequestOption) error {
		var p workers.ScriptDeleteParams
		p.AccountID.Value = s.account.id
		_, err := s.scripts.Delete(ctx, name, p, o...)
		return err
	})
	if errors.Is(err, cloud.ErrNotFound) {
		return nil // also after a lost answer
	}
	return err
}

// EnableURL enables the script's address under workers.dev. It disables addresses of single
// versions, so an uploaded version is not reachable before the switch.
func (s *Script) EnableURL(ctx context.Context) error {
	c := &call{
		what:  fmt.Sprintf("put Worker %q on workers.dev", s.name),
		needs: scriptsEdit,
		body:  payload{jsonType, [][]byte{[]byte(`{"enabled":true,"previews_enabled":false}`)}},
	}
	return s.do(ctx, c, func(name string, o ...option.RequestOption) error {
		var p workers.ScriptSubdomainNewParams
		p.AccountID.Value = s.account.id
		_, err := s.scripts.Subdomain.New(ctx, name, p, o...)
		return err
	})
}

// URL returns the address under workers.dev that the script has or would have, or "" if the
// account has no subdomain.
func (s *Script) URL(ctx context.Context) (string, error) {
	if s.account.local {
		if own, err := s.subdomain(ctx); err != nil || loopback.URL(own.URL) {
			return own.URL, err
		}
	}
	var account struct{ Subdomain string }
	c := &call{what: "read the account's workers.dev subdomain", needs: scriptsEdit}
	c.read = into(&account, func() bool { return true })
	err := s.do(ctx, c, func(_ string, o ...option.RequestOption) error {
		var p workers.SubdomainGetParams
		p.AccountID.Value = s.account.id
		_, err := workers.NewSubdomainService(s.account.options...).Get(ctx, p, o...)
		return err
	})
	switch {
	case errors.Is(err, cloud.ErrNotFound):
		return "", nil
	case err != nil || account.Subdomain == "":
		return "", err
	}
	return fmt.Sprintf("https://%s.%s.workers.dev", s.name, account.Subdomain), nil
}

// URLEnabled reports whether the script is reachable under workers.dev.
func (s *Script) URLEnabled(ctx context.Context) (bool, error) {
	own, err := s.subdomain(ctx)
	return own.Enabled, err
}

// subdomain is what the API says of the address of one script. Only an API on this machine reports
// a URL. It is the address at which the local platform serves the script.
type subdomain struct {
	Enabled bool
	URL     string
}

// subdomain returns a zero value if there is no script.
func (s *Script) subdomain(ctx context.Context) (own subdomain, err error) {
	c := &call{what: fmt.Sprintf("read the address of Worker %q", s.name), needs: scriptsEdit}
	c.read = into(&own, func() bool { return true })
	err = s.do(ctx, c, func(name string, o ...option.RequestOption) error {
		var p workers.ScriptSubdomainGetParams
		p.AccountID.Value = s.account.id
		_, err := s.scripts.Subdomain.Get(ctx, name, p, o...)
		return err
	})
	if err == nil {
		return own, nil
	}
	if errors.Is(err, cloud.ErrNotFound) {
		err = nil
	}
	return subdomain{}, err
}

// do makes a call on this script.
func (s *Script) do(ctx context.Context, c *call, request func(name string, o ...option.RequestOption) error) error {
	name, err := segment("Worker", s.name)
	if err != nil {
		return fmt.Errorf("%s: %w", c.what, err)
	}
	return s.account.do(ctx, c, func(o ...option.RequestOption) error { return request(name, o...) })
}
