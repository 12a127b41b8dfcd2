package app

import "github.com/kv-sync/kv-sync/internal/options"

// Give sets the options that flags or inputs give.
func (in *Inputs) Give(v options.Values) {
	in.Given = v
	for o, field := range in.fields() {
		*field = v.Text(o)
	}
}

// fields are the options that have a field of their own.
func (in *Inputs) fields() map[*options.Option]*string {
	return map[*options.Option]*string{
		options.Token: &in.Token, options.Account: &in.AccountID, options.GitHubToken: &in.GitHubToken,
		options.Name: &in.Name, options.Project: &in.Project, options.Config: &in.Config,
		options.Environment: &in.Environment, options.Directory: &in.Directory, options.Commit: &in.Commit,
		options.Source: &in.Source,
	}
}
