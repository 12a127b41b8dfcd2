package hooks

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// update is one branch that a push changes on the remote.
type update struct {
	localRef, local   string // "(delete)" and zeros for a deletion. localRef is "" in post-receive
	remoteRef, remote string // zeros for a new branch
}

func (u update) deletes() bool { return isZero(u.local) }
func (u update) creates() bool { return isZero(u.remote) }

func isZero(oid string) bool { return strings.Trim(oid, "0") == "" }

// maxLine limits a line of git. Refs are shorter than 4 KiB; the local one, as a person
// typed it, is limited by the command line.
const maxLine = 256 << 10

// malformedError reports lines that git does not send.
type malformedError struct {
	hook Kind
	// line is the number of the first malformed line, and text is its beginning. count is
	// the number of malformed lines.
	line, count int
	text        string
}

func (e *malformedError) Error() string {
	form := map[Kind]string{
		PrePushHook:     "<local ref> <local oid> <remote ref> <remote oid>",
		PostReceiveHook: "<old oid> <new oid> <ref>",
	}[e.hook]
	more := ""
	if e.count > 1 {
		more = fmt.Sprintf(", and %d more lines are malformed", e.count-1)
	}
	return fmt.Sprintf("%s: line %d of standard input is %.200q, not %q%s; git runs this hook, do not run it yourself",
		e.hook, e.line, e.text, form, more)
}

// readUpdates reads the lines that git sends to a hook and returns the branches among
// them. Without lines, the push changes nothing. Malformed lines are reported in one
// *malformedError; the other lines count.
func readUpdates(k Kind, in io.Reader) ([]update, error) {
	parse := parsePush
	if k == PostReceiveHook {
		parse = parseReceived
	}
	var out []update
	var bad *malformedError
	lines := bufio.NewReaderSize(in, maxLine)
	for n := 1; ; n++ {
		line, err := lines.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		text := string(line[:min(len(line), maxLine)])
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = lines.ReadSlice('\n')
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return out, fmt.Errorf("%s: read git's lines from standard input: %w", k, err)
		}
		if len(line) > 0 {
			u, ok := parse(strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r"))
			switch {
			case !ok || long:
				if bad == nil {
					bad = &malformedError{hook: k, line: n, text: text}
				}
				bad.count++
			case strings.HasPrefix(u.remoteRef, "refs/heads/") && len(u.remoteRef) > len("refs/heads/"):
				out = append(out, u)
			}
		}
		if err != nil {
			break
		}
	}
	if bad != nil {
		return out, bad
	}
	return out, nil
}

// parsePush reads "<local ref> <local oid> <remote ref> <remote oid>". The local ref is
// what a person typed and may contain spaces ("HEAD^{/fix the title}"), so the fields
// are read from the end.
func parsePush(line string) (u update, ok bool) {
	var field [4]string
	rest := line
	for i := 3; i > 0; i-- {
		at := strings.LastIndexByte(rest, ' ')
		if at <= 0 {
			return u, false
		}
		rest, field[i] = rest[:at], rest[at+1:]
	}
	u = update{localRef: rest, local: field[1], remoteRef: field[2], remote: field[3]}
	return u, u.valid()
}

// parseReceived reads "<old oid> <new oid> <ref>".
func parseReceived(line string) (u update, ok bool) {
	field := strings.Split(line, " ")
	if len(field) != 3 {
		return u, false
	}
	u = update{remote: field[0], local: field[1], remoteRef: field[2]}
	return u, u.valid()
}

func (u update) valid() bool {
	return isObjectID(u.local) && isObjectID(u.remote) && len(u.local) == len(u.remote) &&
		strings.HasPrefix(u.remoteRef, "refs/") &&
		!bytes.ContainsAny([]byte(u.remoteRef), "\x00\t\r\x7f")
}

func isObjectID(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}

// fromPreCommit returns the push in the environment of pre-commit, which reads git's
// lines itself and passes on one branch. ok is false if there is none.
func fromPreCommit(getenv func(string) string, resolve func(revision string) string) (u update, ok bool) {
	branch := getenv("PRE_COMMIT_REMOTE_BRANCH")
	if branch == "" {
		return u, false
	}
	u = update{
		localRef: getenv("PRE_COMMIT_LOCAL_BRANCH"), remoteRef: branch,
		local: getenv("PRE_COMMIT_TO_REF"), remote: getenv("PRE_COMMIT_FROM_REF"),
	}
	if u.local == "" {
		// For a push of the whole history pre-commit passes on only the branch.
		u.local = resolve(u.localRef)
	}
	if u.remote == "" || !isObjectID(u.remote) {
		u.remote = strings.Repeat("0", len(u.local))
	}
	return u, u.valid()
}
