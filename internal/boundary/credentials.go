package boundary

import (
	"errors"
	"path/filepath"
	"strings"
)

// ErrCredentials is returned (wrapped) for a file that holds credentials by its name. Such a
// file is not read, also through a symlink of another name.
var ErrCredentials = errors.New("a file of this name holds credentials, and those are never read or published")

// Secret reports whether a file of this name is not read: it holds credentials by its name and
// is not code. In code, as in .env.js, the name says nothing about credentials.
func Secret(name string) bool { return Credentials(name) && !IsCode(name) }

// IsCode reports whether a name is that of JavaScript or TypeScript.
func IsCode(name string) bool {
	switch filepath.Ext(name) {
	case ".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx":
		return true
	}
	return false
}

// Credentials reports whether a file of this name holds credentials, whatever its content. Such
// a file is never published, and never part of a Worker.
func Credentials(name string) bool {
	name = strings.ToLower(name)
	switch name {
	case ".npmrc", ".netrc", ".pypirc", ".git-credentials", ".htpasswd":
		return true
	}
	return strings.HasPrefix(name, ".env") || strings.HasPrefix(name, ".dev.vars") || PrivateKey(name)
}

// PrivateKey reports whether ssh-keygen gives private keys this name. No other files have these
// names.
func PrivateKey(name string) bool {
	switch strings.ToLower(name) {
	case "id_rsa", "id_dsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk":
		return true
	}
	return false
}
