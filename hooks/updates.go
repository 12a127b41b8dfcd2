package hooks

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// update is one ref that a push would change.
type update struct {
	localRef, local   string // "(delete)" and zeros for a deletion
	remoteRef, remote string // zeros for a new ref
}

func (u update) deletes() bool { return isZero(u.local) }
func (u update) creates() bool { return isZero(u.remote) }

func isZero(oid string) bool { return strings.Trim(oid, "0") == "" }

// readUpdates reads git's lines: "<local ref> <local oid> <remote ref> <remote
// oid>". No line at all is a push of nothing. The local ref is what a person
// typed and may hold spaces ("HEAD^{/fix the title}"), so fields count from the
// end.
func readUpdates(in io.Reader) ([]update, error) {
	var out []update
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		line := strings.TrimSuffix(lines.Text(), "\r")
		var field [4]string
		rest, ok := line, true
		for i := 3; i > 0 && ok; i-- {
			at := strings.LastIndexByte(rest, ' ')
			if ok = at > 0; ok {
				rest, field[i] = rest[:at], rest[at+1:]
			}
		}
		u := update{localRef: rest, local: field[1], remoteRef: field[2], remote: field[3]}
		if !ok || !isObjectID(u.local) || !isObjectID(u.remote) || len(u.local) != len(u.remote) || !strings.HasPrefix(u.remoteRef, "refs/") {
			return nil, fmt.Errorf("pre-push: line %d of standard input is %.200q, not \"<local ref> <local oid> <remote ref> <remote oid>\"; git calls this hook, it is not meant to be run by hand",
				len(out)+1, line)
		}
		out = append(out, u)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("pre-push: read git's lines from standard input: %w", err)
	}
	return out, nil
}

func isObjectID(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}
