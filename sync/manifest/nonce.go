package manifest

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"
)

// Nonce identifies a run in the keys that it writes. No two runs write the same key, not
// even for the same bytes, so each key is written once.
type Nonce [8]byte

// String returns the nonce as 16 lower-case hexadecimal digits.
func (n Nonce) String() string { return hex.EncodeToString(n[:]) }

// IsZero reports whether the nonce is not set.
func (n Nonce) IsZero() bool { return n == Nonce{} }

// MarshalText is String, for JSON.
func (n Nonce) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText reads what MarshalText wrote, and nothing else.
func (n *Nonce) UnmarshalText(text []byte) (err error) {
	*n, err = ParseNonce(string(text))
	return err
}

// ParseNonce reads what [Nonce.String] wrote, and nothing else.
func ParseNonce(s string) (Nonce, error) {
	var n Nonce
	return n, decodeHex(n[:], s)
}

// NewNonce makes the nonce of a run that begins now. Its first half is the time, so that
// prune knows the age of every key. (Metadata could have the age too, but a write of a raw
// body has none.) Its second half is random, for runs that begin in the same second.
func NewNonce(now time.Time) Nonce {
	var n Nonce
	if _, err := rand.Read(n[4:]); err != nil {
		panic(err) // crypto/rand never fails on a supported system
	}
	binary.BigEndian.PutUint32(n[:4], uint32(now.Unix()))
	return n
}

// Time returns when the run that made the nonce began, to the second.
func (n Nonce) Time() time.Time {
	return time.Unix(int64(binary.BigEndian.Uint32(n[:4])), 0)
}

// DeploymentID returns the id of the deployment that the run makes, for example
// 20261121-024512-9f3c1a2b. Ids sort by time.
func DeploymentID(n Nonce) string {
	return n.Time().UTC().Format("20060102-150405") + fmt.Sprintf("-%x", n[4:])
}

// DeploymentTime returns when the run of a deployment began. ok is false if id is not an
// id of a deployment.
func DeploymentTime(id string) (time.Time, bool) {
	if len(id) != len("20060102-150405-00000000") {
		return time.Time{}, false
	}
	t, err := time.Parse("20060102-150405", id[:15])
	return t, err == nil && id[15] == '-'
}

// For returns the nonce of an asset's blob that the run with the nonce n writes. A chunk
// index gets a different nonce, because its hash can equal that of a small file (see
// [Content]), and the two must not have the same key.
func (n Nonce) For(a Asset) Nonce {
	if a.Chunked() {
		n[len(n)-1] ^= 1
	}
	return n
}
