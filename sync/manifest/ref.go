package manifest

import (
	"fmt"
	"strings"
)

// Ref names one blob or one stored manifest by its hash and the nonce of the run
// that wrote it. Its text form is "hash.nonce".
type Ref struct {
	Hash  Hash
	Nonce Nonce
}

// String returns "hash.nonce" in hexadecimal.
func (r Ref) String() string { return r.Hash.String() + "." + r.Nonce.String() }

// IsZero reports whether the reference is not set.
func (r Ref) IsZero() bool { return r == Ref{} }

// ParseRef reads what [Ref.String] wrote, and nothing else.
func ParseRef(s string) (Ref, error) {
	hash, nonce, _ := strings.Cut(s, ".")
	var r Ref
	if err := decodeHex(r.Hash[:], hash); err != nil {
		return Ref{}, fmt.Errorf("reference %.100q is not hash.nonce: %w", s, err)
	}
	if err := decodeHex(r.Nonce[:], nonce); err != nil {
		return Ref{}, fmt.Errorf("reference %.100q is not hash.nonce: %w", s, err)
	}
	return r, nil
}
