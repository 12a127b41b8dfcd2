package objects

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// IsID reports whether s is a whole object id, SHA-1 or SHA-256.
func IsID(s string) bool { return (len(s) == 40 || len(s) == 64) && IsHex(s) }

// IsHex reports whether s is hexadecimal in lower case.
func IsHex(s string) bool {
	return strings.Trim(s, "0123456789abcdef") == "" && s != ""
}

// SHA1Bytes is the length of a SHA-1 object id.
const SHA1Bytes = 20

type objectID [SHA1Bytes]byte

func parseID(id string) (o objectID, err error) {
	if len(id) != 2*SHA1Bytes || !IsHex(id) {
		return o, fmt.Errorf("invalid SHA-1 id %q", id)
	}
	_, err = hex.Decode(o[:], []byte(id))
	return o, err
}

// BlobID returns the id that git gives to content, "" if it cannot be read.
func BlobID(size int64, content io.Reader) string {
	h := sha1.New() //nolint:gosec // git's object ids
	fmt.Fprintf(h, "blob %d\x00", size)
	if _, err := io.Copy(h, content); err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}
