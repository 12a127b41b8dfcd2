package api

import (
	"crypto/rand"
	"encoding/hex"
	"regexp"
	"time"
)

// AccountID matches the id of an account.
var AccountID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// NewID returns 32 random hexadecimal digits, the form of most ids of the API.
func NewID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

// NewUUID returns a random UUID, the form of versions and deployments.
func NewUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// Now returns the time for everything that the platform stores or returns.
func Now() time.Time { return time.Now().UTC() }

// The only user of the platform, who is the author of everything.
const (
	UserID    = "00000000000000000000000000000001"
	UserEmail = "dev@kv-sync.local"
)
