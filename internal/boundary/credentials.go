package boundary

import "strings"

// Credentials reports whether a file of this name holds credentials, whatever it
// holds. Such a file is never published, and never part of a Worker.
func Credentials(name string) bool {
	name = strings.ToLower(name)
	switch name {
	case ".npmrc", ".netrc", ".pypirc", ".git-credentials", ".htpasswd":
		return true
	}
	return strings.HasPrefix(name, ".env") || strings.HasPrefix(name, ".dev.vars") || PrivateKey(name)
}

// PrivateKey reports whether ssh-keygen gives private keys this name. Nothing else
// is called so.
func PrivateKey(name string) bool {
	switch strings.ToLower(name) {
	case "id_rsa", "id_dsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk":
		return true
	}
	return false
}
