package hooks

import (
	"bytes"
	"fmt"
	"strings"
)

// mark is the first part of kv-sync's scripts, in this and every later release. It
// identifies a hook that may be replaced or removed.
func (k Kind) mark() []byte { return []byte("#!/bin/sh\n# kv-sync " + string(k) + " hook") }

// ours reports whether Install wrote a hook.
func (k Kind) ours(script []byte) bool { return bytes.HasPrefix(script, k.mark()) }

// edited reports whether a script of this release was changed. A change of another
// release's script cannot be detected.
func (k Kind) edited(script []byte) bool {
	head, tail, _ := bytes.Cut(k.script(""), []byte("installed="+quote("")))
	version, _, _ := bytes.Cut(head, []byte(","))
	return bytes.HasPrefix(script, version) && (!bytes.HasPrefix(script, head) || !bytes.HasSuffix(script, tail))
}

// scriptBody is portable sh, also for git on Windows. The former hook runs first, with
// the same input and arguments, and its failure still stops the push. Then the script ends
// with kv-sync's exit code, if that is one of the deliberate ones (@meant). If kv-sync is
// missing, was killed or failed in another way (2 for an unknown flag), the script reports
// that and the push continues, also if standard error is closed. What kv-sync did before it
// was killed is unknown.
//
// The script may be in a folder of several repositories, or be copied with one, so it
// checks whether it is enabled in the current repository.
const scriptBody = ` 6, written by "kv-sync hook install".
# "kv-sync hook uninstall" removes it and puts back the hook that was here.
# @bypass

@signalslines=$(
	# The shell itself reads them where PATH has no cat.
	cat 2>/dev/null || while IFS= read -r line; do printf '%s\n' "$line"; done
	echo .
)
case $0 in */*) hooks=${0%/*} ;; *) hooks=. ;; esac
hooks=$(CDPATH='' cd -P -- "$hooks" && pwd -P) || exit
kept=$hooks.before-kv-sync
if [ -x "$kept/@hook" ]; then
	# The hook from before runs under its own name, with links to the files that were beside it.
	for file in "$hooks"/* "$hooks"/.[!.]*; do
		name=${file##*/}
		case $name in pre-push | post-receive | *.sample) continue ;; esac
		[ ! -e "$file" ] || [ -e "$kept/$name" ] || ln -sf "../${hooks##*/}/$name" "$kept/$name" 2>/dev/null
	done
	printf %s "${lines%.}" | "$kept/@hook" "$@" || @fail
fi
case ${KV_SYNC_HOOK-} in off) exit 0 ;; esac
[ -n "$(git config --get kv-sync.@hook.mode)" ] || exit 0
installed=@binary
kv_sync=$installed
[ -x "$kv_sync" ] || kv_sync=$(command -v kv-sync) || {
	trap '' PIPE
	printf 'kv-sync: the command is gone from %s, so nothing was done for this push;\n' "$installed" >&2
	undo="delete $hooks/${0##*/}"
	[ ! -e "$kept/@hook" ] || undo="move $kept/@hook to $hooks/${0##*/}"
	printf 'kv-sync: install it again, or %s\n' "$undo" >&2
	exit 0
}
printf %s "${lines%.}" | "$kv_sync" hook run @hook "$@" >&2
status=$?
case $status in @meant) exit "$status" ;; esac
trap '' PIPE
printf 'kv-sync: %s failed (status %s), so it is not known what was done for this push;\n' "$kv_sync" "$status" >&2
printf 'kv-sync: to see what is live: kv-sync history\n' >&2
exit 0
`

// failed stops the push after the former hook failed. It names that hook, because git does
// not.
const failed = `{
		status=$?
		printf 'kv-sync: the push was stopped by the hook from before kv-sync (status %s): %s\n' \
			"$status" "$kept/@hook" >&2
		exit "$status"
	}`

// ignored makes the script continue after the person who pushes to a path on this machine
// presses Ctrl-C. That ends the former hook, as it does without kv-sync.
const ignored = `trap : HUP INT # the push is complete, so an interrupted client does not stop the deploy
`

// Blocked is the exit code of "kv-sync hook run pre-push" that blocks a push. 130 (Ctrl-C)
// blocks it, too.
const Blocked = 3

// script returns the hook that runs binary.
func (k Kind) script(binary string) []byte {
	fail, signals, bypass := failed, "", "To push without it: KV_SYNC_HOOK=off git push, or git push --no-verify."
	meant := fmt.Sprintf("0 | %d | 130", Blocked)
	if k == PostReceiveHook {
		meant = "[0-9] | 130" // the codes of a deploy
		// Git ignores the exit code, and a failure of the former hook, such as a mail
		// that could not be sent, must not prevent a deploy.
		fail, signals, bypass = ":", ignored, "To receive without it: KV_SYNC_HOOK=off in the server's environment."
	}
	body := strings.NewReplacer(
		"@signals", signals, "@bypass", bypass, "@hook", string(k), "@meant", meant, "@binary", quote(binary),
	).Replace(strings.Replace(scriptBody, "@fail", fail, 1))
	return append(k.mark(), body...)
}

// quote quotes s as one word of sh.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
