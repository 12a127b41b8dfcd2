package hooks

import (
	"bytes"
	"fmt"
	"strings"
)

// mark begins every script of ours, in this and every later release: by it a
// hook is known to be ours and may be replaced or removed.
func (k Kind) mark() []byte { return []byte("#!/bin/sh\n# kv-sync " + string(k) + " hook") }

// ours reports whether a hook was written by Install.
func (k Kind) ours(script []byte) bool { return bytes.HasPrefix(script, k.mark()) }

// edited reports whether somebody changed a script that this release wrote. What
// another release wrote, nobody here can tell.
func (k Kind) edited(script []byte) bool {
	head, tail, _ := bytes.Cut(k.script(""), []byte("installed="+quote("")))
	version, _, _ := bytes.Cut(head, []byte(","))
	return bytes.HasPrefix(script, version) && (!bytes.HasPrefix(script, head) || !bytes.HasSuffix(script, tail))
}

// scriptBody is plain sh, for Windows' git too. The hook that was there before
// reads the same lines and gets the same arguments, and goes first: what fails
// today fails as it did. Then only the exit codes count that kv-sync gives on
// purpose. One that is gone, was killed, broke down (2, as a flag that it does not
// know) is told and lets the push pass; so it does where nobody reads what is told.
//
// The script may lie in a folder that several repositories use, or be copied
// with one, so it asks whether it is on where it runs.
const scriptBody = ` 3, written by "kv-sync hook install".
# "kv-sync hook uninstall" removes it and puts back the hook that was here.
# @around

lines=$(cat; echo .)
before=${0%/*}/@hook.before-kv-sync
if [ -x "$before" ]; then
	printf %s "${lines%.}" | "$before" "$@" || @fail
fi
case ${KV_SYNC_HOOK-} in off) exit 0 ;; esac
[ -n "$(git config --get kv-sync.@hook.mode)" ] || exit 0
installed=@binary
kv_sync=$installed
[ -x "$kv_sync" ] || kv_sync=$(command -v kv-sync) || {
	trap '' PIPE
	printf 'kv-sync: the command is gone from %s, so nothing was done for this push;\n' "$installed" >&2
	printf 'kv-sync: install it again, or delete %s\n' "$0" >&2
	exit 0
}
printf %s "${lines%.}" | "$kv_sync" hook run @hook "$@" >&2
status=$?
case $status in @meant) exit "$status" ;; esac
trap '' PIPE
printf 'kv-sync: %s could not run (status %s), so nothing was done for this push\n' "$kv_sync" "$status" >&2
exit 0
`

// Blocked is the exit code of "kv-sync hook run pre-push" that stops a push, beside
// that of Ctrl-C.
const Blocked = 3

// script is the hook that calls binary.
func (k Kind) script(binary string) []byte {
	fail, around := "exit", "To push without it: KV_SYNC_HOOK=off git push, or git push --no-verify."
	meant := fmt.Sprintf("0 | %d | 130", Blocked)
	if k == PostReceiveHook {
		meant = "[0-9] | 130" // those of a deploy
		// Git does not ask how it ends; a mail that could not be sent is no reason
		// not to deploy.
		fail, around = ":", "To receive without it: KV_SYNC_HOOK=off in the server's environment."
	}
	body := strings.NewReplacer("@around", around, "@hook", string(k), "@fail", fail, "@meant", meant, "@binary", quote(binary)).Replace(scriptBody)
	return append(k.mark(), body...)
}

// quote makes one word of s for sh.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
