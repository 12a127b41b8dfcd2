package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/options"
)

// foreignFlag is a flag that people type because another tool has one of that name.
type foreignFlag struct {
	flags    string // alternatives, separated by spaces
	commands string // for which the answer is right; "" means all
	answer   string // what to type instead
}

// Commands for which an answer is right.
const (
	deploying = "deploy plan upload"
	ofFolders = deploying + " pull watch"
	ofSites   = ofFolders + " rollback history verify prune open delete"
	deployed  = "rollback history verify prune open delete"
)

const leaveOut = ", so there is no such flag: leave it out"

// foreignFlags are in the order in which they are looked for.
var foreignFlags = []foreignFlag{
	{"--prod --production", deploying, "each deploy is live at once" + leaveOut},
	{"--prod --production", deployed, "the site has the environment that --name or --env selects" + leaveOut},
	{"--alias --draft --preview", ofFolders, "kv-sync has no preview addresses: kv-sync watch DIR shows a folder " +
		"on this machine, and another --name is another site"},
	{"--project-name --site --site-name", ofSites, "name the site with --name NAME"},
	{"--folder --assets --output-dir --output --public --dist -d", ofFolders,
		"name the folder that is published with --dir DIR"},
	{"--folder --assets --output-dir --output --public --dist -d --dir", deployed,
		"this command is about what is deployed, and reads no folder: leave it out"},
	{"--message -m", deploying, "a deployment has the message of its commit" + leaveOut},
	{"--message -m", "rollback", "a rollback keeps the message of the commit that it goes to" + leaveOut},
	{"--branch", deploying, "to deploy a branch: kv-sync deploy --commit BRANCH"},
	{"--branch --commit", "rollback", "to go back to a commit: kv-sync rollback --to COMMIT"},
	{"--version --version-id --deployment", "rollback", "name it with --to ID"},
	{"--only", deploying, "a deploy always covers the whole site and uploads only what changed: leave it out"},
	{"--yes -y", "delete", "to delete without a question: kv-sync delete --yes"},
	{"--yes -y", "", "only kv-sync delete asks: leave it out"},
	{"--token --api-token --auth", "", "set the variable CLOUDFLARE_API_TOKEN: a flag would be visible to other programs"},
	{"--account --account-id", "", "set the variable CLOUDFLARE_ACCOUNT_ID"},
	{"--open", "deploy watch", "leave it out, and run kv-sync open"},
	{"--port -p", "", "kv-sync dev and kv-sync watch take --port PORT; no other command listens on this machine"},
	{"--local -l", "hook", "a hook is about the site at Cloudflare: leave it out. kv-sync watch shows each save on this " +
		"machine, and kv-sync deploy --local, in a hook of your own, what is pushed"},
	{"--local -l", "", "kv-sync dev and kv-sync watch always run on this machine; the commands for a site take --local"},
	{"--previous", "rollback", "leave it out: kv-sync rollback makes the deployment before the live one live again"},
	{"-n", "deploy rollback prune pull delete", "name the site with --name NAME; --dry-run only says what would be done"},
	{"-n", ofSites, "name the site with --name NAME"},
}

// is reports whether the answer is for a flag of a command.
func (f foreignFlag) is(command, flag string) bool {
	return slices.Contains(strings.Fields(f.flags), flag) &&
		(f.commands == "" || slices.Contains(strings.Fields(f.commands), command))
}

var unknownFlag = regexp.MustCompile(`^(unknown flag (--?[\w-]+))(, did you mean (.*))?`)

// answerFlag returns the answer to an unknown flag of a command, or "", and the error to show. That is
// the parser's error, without its suggestion if it suggests a flag that overrides a guard: nobody should
// override a guard because of a spelling mistake.
func answerFlag(command string, err error) (answer string, shown error) {
	m := unknownFlag.FindStringSubmatch(err.Error())
	if m == nil {
		return "", err
	}
	for _, f := range foreignFlags {
		if f.is(command, m[2]) {
			return f.answer, fmt.Errorf("there is no flag %s here", m[2])
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
