package hooks

import (
	"bytes"
	"strings"
)

// scriptMark begins every script of ours, in this and every later release: by
// it a hook is known to be ours and may be replaced or removed.
const scriptMark = "#!/bin/sh\n# kv-sync pre-push hook"

// ours reports whether a hook was written by Install.
func ours(script []byte) bool { return bytes.HasPrefix(script, []byte(scriptMark)) }

// scriptBody is plain sh, for Windows' git too. The hook that was there before
// reads the same lines and gets the same arguments, and goes first: what fails
// today fails as it did. Then a kv-sync that is gone (126, 127 and the check
// before) or that was killed (128 and more) is told and lets the push pass.
const scriptBody = ` 1, written by "kv-sync hook install".
# "kv-sync hook uninstall" removes it and puts back the hook that was here.
# To push without it: KV_SYNC_HOOK=off git push, or git push --no-verify.

lines=$(cat; echo .)
before=${0%/*}/pre-push.before-kv-sync
if [ -x "$before" ]; then
	printf %s "${lines%.}" | "$before" "$@" || exit
fi
case ${KV_SYNC_HOOK-} in off) exit 0 ;; esac
@only
kv_sync=@binary
[ -x "$kv_sync" ] || kv_sync=$(command -v kv-sync) || {
	echo "kv-sync: the command is gone from "@binary", so this push was not checked;" >&2
	echo "kv-sync: install it again, or delete $0" >&2
	exit 0
}
printf %s "${lines%.}" | "$kv_sync" hook run @argspre-push "$@"
status=$?
case $status in
126 | 127 | 12[89] | 13[1-9] | 1[4-9]? | 2??)
	echo "kv-sync: $kv_sync could not run (status $status), so this push was not checked" >&2
	exit 0
	;;
esac
exit $status
`

// onlyHere guards a hook in a folder that other repositories use as well.
const onlyHere = `# This folder serves several repositories; the check is on where it was installed.
[ "$(git config --local --get ` + enabledKey + `)" = true ] || exit 0
`

// script is the hook that calls binary. shared: other repositories may use the
// same folder.
func script(binary string, args []string, shared bool) []byte {
	var quotedArgs strings.Builder
	for _, a := range args {
		quotedArgs.WriteString(quote(a) + " ")
	}
	only := ""
	if shared {
		only = onlyHere
	}
	body := strings.NewReplacer("@only\n", only, "@binary", quote(binary), "@args", quotedArgs.String()).Replace(scriptBody)
	return []byte(scriptMark + body)
}

// quote makes one word of s for sh.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
