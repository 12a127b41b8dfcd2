package boundary

import (
	"errors"
	"path/filepath"
	"strings"
)

// ErrCredentials is returned (wrapped) for a file whose name says that it has credentials. It
// is also returned for a symlink, with any name, to such a file.
var ErrCredentials = errors.New("files of this name have credentials and are never published")

// Secret reports whether a file must not be read: its name says that it has credentials, and
// it is not code. A code file, such as .env.js, may have such a name without credentials.
func Secret(name string) bool { return Credentials(name) && !IsCode(name) }

// IsCode reports whether a name is that of a JavaScript or TypeScript file.
func IsCode(name string) bool {
	switch filepath.Ext(name) {
	case ".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx":
		return true
	}
	return false
}

// Credentials reports whether the name of a file says that it has credentials. Such a file is
// never published and never part of a Worker, whatever its content is.
func Credentials(name string) bool {
	name = strings.ToLower(name)
	switch name {
	case ".npmrc", ".netrc", ".pypirc", ".git-credentials", ".htpasswd":
		return true
	}
	return strings.HasPrefix(name, ".env") || strings.HasPrefix(name, ".dev.vars") || PrivateKey(name)
}

// PrivateKey reports whether ssh-keygen gives this name to private keys.
func PrivateKey(name string) bool {
	switch strings.ToLower(name) {
	case "id_rsa", "id_dsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk":
		return true
	}
	return false
}
