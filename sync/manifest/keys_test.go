package manifest

import "testing"

// Only keys with the prefix of the site have a class.
func TestKeysOfOthersHaveNoClass(t *testing.T) {
	t.Parallel()
	ref := Ref{Hash: HashOf([]byte("x")), Nonce: Nonce{1}}
	for _, name := range []string{Keys("blog-2").Blob(ref), Keys("blo").Blob(ref), "b/" + ref.String(),
		Keys("blog").Blob(ref)[1:], Keys("blog").Blob(ref) + "0", Keys("blog").Manifest(ref) + "/"} {
		if class, _, _ := Keys("blog").Parse(name); class != KeyUnknown {
			t.Errorf("%s is of the class %c", name, class)
		}
	}
	for _, class := range []KeyClass{KeyBlob, KeyManifest, KeyRoot, KeyPart} {
		name := "blog/" + string(class) + "/" + ref.String()
		if got, _, _ := Keys("blog").Parse(name); got != class {
			t.Errorf("%s is of the class %d", name, got)
		}
	}
}
