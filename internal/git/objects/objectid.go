package objects

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// isID reports whether s is a whole object id, of either hash.
func IsID(s string) bool { return (len(s) == 40 || len(s) == 64) && IsHex(s) }

func IsHex(s string) bool {
	return strings.Trim(s, "0123456789abcdef") == "" && s != ""
}

// sha1Bytes is the length of an id.
const SHA1Bytes = 20

type objectID [SHA1Bytes]byte

func parseID(id string) (o objectID, err error) {
	if len(id) != 2*SHA1Bytes || !IsHex(id) {
		return o, fmt.Errorf("%q is no SHA-1 id", id)
	}
	_, err = hex.Decode(o[:], []byte(id))
	return o, err
}

// blobID returns the id that git gives to content, "" if it cannot be read.
func BlobID(size int64, content io.Reader) string {
	h := sha1.New() //nolint:gosec // git's object ids
	fmt.Fprintf(h, "blob %d\x00", size)
	if _, err := io.Copy(h, content); err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}
