package config

import (
	"errors"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/options"
)

// withDeclared adds a key for each setting that only internal/options declares. Its
// value is in [Settings].Options.
func withDeclared(keys []key) []key {
	for _, o := range options.Settings() {
		if !slices.ContainsFunc(keys, func(k key) bool { return k.name == o.Setting }) {
			keys = append(keys, declared(o))
		}
	}
	return keys
}

// declared is the key of an option that needs no check of its own.
func declared(o *options.Option) key {
	return key{o.Setting, o.Variables, !o.Secret, func(s *Settings, v string) error {
		switch {
		case !o.Allowed(v):
			return errors.New(o.Want())
		case strings.ContainsAny(v, "\x00\r\n"):
			return errors.New("write one line of text")
		}
		s.Options = s.Options.With(o, v)
		return nil
	}}
}
