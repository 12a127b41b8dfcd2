package app

import "github.com/kv-sync/kv-sync/internal/options"

// Give takes the options that were given by flags or inputs.
func (in *Inputs) Give(v options.Values) {
	in.Given = v
	for o, field := range map[*options.Option]*string{
		options.Token: &in.Token, options.Account: &in.AccountID, options.GitHubToken: &in.GitHubToken,
		options.Name: &in.Name, options.Project: &in.Project, options.Config: &in.Config,
		options.Environment: &in.Environment, options.Directory: &in.Directory, options.Commit: &in.Commit,
		options.Source: &in.Source,
	} {
		*field = v.Text(o)
	}
}
