package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/kv-sync/kv-sync/internal/options"
)

// foreignFlag is a flag that people type because another tool has one of that name.
type foreignFlag struct {
	flags  string // alternatives, separated by spaces
	answer string // what to type instead
}

var foreignFlags = []foreignFlag{
	{"--prod --production", "each deploy is live at once, so there is no such flag: leave it out"},
	{"--alias --draft --preview", "kv-sync has no preview addresses: kv-sync watch DIR shows a folder on this machine, " +
		"and another --name is another site"},
	{"--project-name --site --site-name", "name the site with --name NAME"},
	{"--folder --assets --output-dir --output --public --dist -d", "name the folder that is published with --dir DIR"},
	{"--message -m", "a deployment has the message of its commit, so there is no such flag: leave it out"},
	{"--branch", "to deploy a branch: kv-sync deploy --commit BRANCH"},
	{"--only", "a deploy always covers the whole site and uploads only what changed: leave it out"},
	{"--yes -y", "only kv-sync delete asks: leave it out"},
	{"--token --api-token --auth", "set the variable CLOUDFLARE_API_TOKEN: a flag would be visible to other programs"},
	{"--account --account-id", "set the variable CLOUDFLARE_ACCOUNT_ID"},
	{"--open", "leave it out, and run kv-sync open"},
	{"--port -p", "kv-sync dev and kv-sync watch take --port PORT; no other command listens on this machine"},
	{"--local -l", "kv-sync dev and kv-sync watch always run on this machine; the commands for a site take --local"},
	{"--previous", "leave it out: kv-sync rollback makes the deployment before the live one live again"},
	{"-n", "name the site with --name NAME; --dry-run only says what would be done"},
}

var unknownFlag = regexp.MustCompile(`^(unknown flag (--?[\w-]+))(, did you mean (.*))?`)

// answerFlag returns the answer to an unknown flag, or "", and the error to show. That is the
// parser's error, without its suggestion if it suggests a flag that overrides a guard: nobody should
// override a guard because of a spelling mistake.
func answerFlag(err error) (answer string, shown error) {
	m := unknownFlag.FindStringSubmatch(err.Error())
	if m == nil {
		return "", err
	}
	for _, f := range foreignFlags {
		for flag := range strings.FieldsSeq(f.flags) {
			if flag == m[2] {
				return f.answer, fmt.Errorf("there is no flag %s here", flag)
			}
		}
	}
	for suggested := range strings.FieldsFuncSeq(m[4], func(r rune) bool { return strings.ContainsRune(`", ?`, r) }) {
		if overrides(strings.TrimLeft(suggested, "-")) {
			return "", fmt.Errorf("%s", m[1])
		}
	}
	return "", err
}

// overrides reports whether a flag overrides a guard or a confirmation.
func overrides(flag string) bool {
	switch flag {
	case "force", "yes", "take-over", "unrecorded":
		return true
	}
	for _, command := range []string{"deploy", "rollback"} {
		for _, o := range options.Flags(command) {
			if o.Flag == flag && (o.Group == options.GroupGuards || o.Group == options.GroupOnce) {
				return true
			}
		}
	}
	return false
}
