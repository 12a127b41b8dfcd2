package kvsync

import "testing"

// What the API lists is not searched for keys of others: only those below the
// site's own prefix are of any class.
func TestKeysOfOthersHaveNoClass(t *testing.T) {
	t.Parallel()
	ref := Ref{Hash: HashOf([]byte("x")), Nonce: Nonce{1}}
	for _, name := range []string{keys("blog-2").blob(ref), keys("blo").blob(ref), "b/" + ref.String(), keys("blog").blob(ref)[1:], keys("blog").blob(ref) + "0", keys("blog").manifest(ref) + "/"} {
		if class, _, _ := keys("blog").parse(name); class != classUnknown {
			t.Errorf("%s is of the class %c", name, class)
		}
	}
	for _, class := range []keyClass{classBlob, classManifest} {
		name := "blog/" + string(class) + "/" + ref.String()
		if got, _, _ := keys("blog").parse(name); got != class {
			t.Errorf("%s is of the class %d", name, got)
		}
	}
}
