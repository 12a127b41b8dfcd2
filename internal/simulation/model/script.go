package model

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Script is a Worker script.
type Script struct {
	Name string
	// Versions and Deployments are in the order in which they were made.
	Versions    []*Version
	Deployments []*Deployment
	// Enabled is set if the workers.dev address is on.
	Enabled bool
	// Tag is that of the last migration, and Migrated the steps that were applied.
	Tag      string
	Migrated []json.RawMessage

	cloud *Cloud
}

// Version is a version of a script.
type Version struct {
	ID      string
	Number  int
	Created time.Time
	// Bindings are the objects of the API. That of a secret has no value.
	Bindings []map[string]json.RawMessage
	Modules  map[string][]byte
	Secrets  map[string]string
}

// Share is a version's part of the traffic.
type Share struct {
	Version string  `json:"version_id"`
	Percent float64 `json:"percentage"`
}

// Deployment is an activation of versions.
type Deployment struct {
	ID      string
	Created time.Time
	Shares  []Share
	Message string
	By      string
}

// Main is the version with the larger share.
func (d *Deployment) Main() string {
	best := d.Shares[0]
	for _, s := range d.Shares[1:] {
		if s.Percent > best.Percent {
			best = s
		}
	}
	return best.Version
}

// script returns the script with this name, and creates it if need be.
func (c *Cloud) script(name string) *Script {
	s := c.scripts[name]
	if s == nil {
		s = &Script{Name: name, cloud: c}
		c.scripts[name] = s
	}
	return s
}

// Version returns the version with this id, or nil.
func (s *Script) Version(id string) *Version {
	for _, v := range s.Versions {
		if v.ID == id {
			return v
		}
	}
	return nil
}

// Active is the deployment in force, or nil.
func (s *Script) Active() *Deployment {
	if s == nil || len(s.Deployments) == 0 {
		return nil
	}
	return s.Deployments[len(s.Deployments)-1]
}

// Binding returns a binding of the version by its name, or nil.
func (v *Version) Binding(name string) map[string]json.RawMessage {
	for _, b := range v.Bindings {
		if text(b["name"]) == name {
			return b
		}
	}
	return nil
}

func text(raw json.RawMessage) string {
	var s string
	_ = json.Unmarshal(raw, &s) // no string is ""
	return s
}

// errInherit is the API's answer to a binding that cannot be inherited.
var errInherit = failure(400, 10057, "cannot inherit the binding")

// add makes a version. Bindings of the type inherit are those of an earlier one.
func (s *Script) add(bindings []map[string]json.RawMessage, modules map[string][]byte) (*Version, *Reply) {
	v := &Version{Number: len(s.Versions) + 1, Created: time.Now(), Modules: modules, Secrets: make(map[string]string)}
	v.ID = fmt.Sprintf("%s-version-%d", s.Name, v.Number)
	for _, b := range bindings {
		if text(b["type"]) == "inherit" {
			from := s.Version(text(b["version_id"]))
			if from == nil || from.Binding(text(b["name"])) == nil {
				return nil, errInherit
			}
			name := text(b["name"])
			b = from.Binding(name)
			if secret, ok := from.Secrets[name]; ok {
				v.Secrets[name] = secret
			}
		}
		v.Bindings = append(v.Bindings, b)
	}
	s.Versions = append(s.Versions, v)
	return v, nil
}

// Activate makes versions live.
func (s *Script) Activate(by string, shares []Share, message string) *Deployment {
	d := &Deployment{Created: time.Now(), Shares: shares, Message: message, By: by}
	d.ID = fmt.Sprintf("%s-activation-%d", s.Name, len(s.Deployments)+1)
	s.Deployments = append(s.Deployments, d)
	if o := s.cloud.Observer; o != nil {
		o.Activated(by, s, d)
	}
	return d
}

// older reports whether the version has an older value of a secret than what is active.
func (s *Script) older(next *Version) bool {
	now := s.Version(s.Active().Main())
	return next.Number < now.Number && !maps.Equal(next.Secrets, now.Secrets)
}

// SetSecret changes a secret as another tool does: a new version with all else as it is.
// It reports whether the API carries it out, which it does not while the newest version
// is not active.
func (s *Script) SetSecret(by, name, value string) bool {
	now := s.Version(s.Active().Main())
	if now.Number != len(s.Versions) {
		return false
	}
	v := &Version{Number: now.Number + 1, Created: time.Now(), Modules: now.Modules, Secrets: maps.Clone(now.Secrets)}
	v.ID = fmt.Sprintf("%s-version-%d", s.Name, v.Number)
	v.Bindings = slices.DeleteFunc(slices.Clone(now.Bindings),
		func(b map[string]json.RawMessage) bool { return text(b["name"]) == name })
	v.Bindings = append(v.Bindings, map[string]json.RawMessage{"name": quoted(name), "type": quoted("secret_text")})
	v.Secrets[name] = value
	s.Versions = append(s.Versions, v)
	s.Activate(by, []Share{{v.ID, 100}}, "")
	return true
}

// DeployOther deploys code of another tool.
func (s *Script) DeployOther(by, code string) *Version {
	v := &Version{Number: len(s.Versions) + 1, Created: time.Now(), Modules: map[string][]byte{"other.js": []byte(code)},
		Secrets: make(map[string]string)}
	v.ID = fmt.Sprintf("%s-version-%d", s.Name, v.Number)
	s.Versions = append(s.Versions, v)
	s.Activate(by, []Share{{v.ID, 100}}, "Deployed by another tool")
	return v
}

func quoted(s string) json.RawMessage {
	b, _ := json.Marshal(s) // a string always encodes
	return b
}

// Split divides the traffic between what is active and the version before it.
func (s *Script) Split(by string) string {
	now := s.Active().Main()
	for i := len(s.Deployments) - 1; i >= 0; i-- {
		if before := s.Deployments[i].Main(); before != now {
			s.Activate(by, []Share{{now, 60}, {before, 40}}, "")
			return "60 % " + now + ", 40 % " + before
		}
	}
	return "there is only one version"
}
