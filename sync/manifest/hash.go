package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Hash is the SHA-256 of an asset's bytes. The zero Hash means "not known yet":
// a source may leave hashing to the upload, which reads the bytes anyway.
type Hash [sha256.Size]byte

// String returns the hash as 64 lower-case hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// IsZero reports whether the hash is not known.
func (h Hash) IsZero() bool { return h == Hash{} }

// HashOf returns the hash of b.
func HashOf(b []byte) Hash { return sha256.Sum256(b) }

// ErrDamaged is returned (wrapped) for a value whose bytes do not have the hash
// that its key or its reference names.
var ErrDamaged = errors.New("its bytes are not those that were written")

// ErrNewer is returned (wrapped) for a record in a format that this release does
// not know.
var ErrNewer = errors.New("a newer release of kv-sync wrote it")

// ParseHash reads what [Hash.String] wrote, and nothing else.
func ParseHash(s string) (Hash, error) {
	var h Hash
	return h, decodeHex(h[:], s)
}

// decodeHex accepts exactly len(into) bytes in lower-case hexadecimal.
func decodeHex(into []byte, s string) error {
	if len(s) != hex.EncodedLen(len(into)) || strings.ToLower(s) != s {
		return fmt.Errorf("%.100q is not %d bytes in lower-case hexadecimal", s, len(into))
	}
	_, err := hex.Decode(into, []byte(s))
	return err
}

// Whole returns the bytes if they have this hash, otherwise [ErrDamaged].
func (h Hash) Whole(b []byte) ([]byte, error) {
	if HashOf(b) != h {
		return nil, ErrDamaged
	}
	return b, nil
}
