package source

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestContentCache(t *testing.T) {
	t.Parallel()
	var k contentCache
	all := func(r io.Reader) string {
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if got := all(k.store("a", 5, strings.NewReader("hello"))); got != "hello" {
		t.Errorf("store returned %q", got)
	}
	if got := k.take("a"); string(got) != "hello" {
		t.Errorf("kept %q", got)
	}
	if k.take("a") != nil || k.bytes != 0 {
		t.Errorf("the content was taken twice, or is still counted: %d bytes", k.bytes)
	}
	// A blob that is stored again is counted once.
	for range 3 {
		all(k.store("a", 5, strings.NewReader("hello")))
	}
	if k.bytes != 5 || string(k.take("a")) != "hello" || k.take("a") != nil || k.bytes != 0 {
		t.Errorf("a blob that was stored again is counted twice: %d bytes", k.bytes)
	}
	large := bytes.Repeat([]byte("x"), maxCachedBlob+1)
	if all(k.store("large", int64(len(large)), bytes.NewReader(large))); k.take("large") != nil {
		t.Error("a large blob was kept")
	}
	wrong := errors.New("wrong")
	r := k.store("bad", 9, io.MultiReader(strings.NewReader("half"), iotest.ErrReader(wrong)))
	if b, err := io.ReadAll(r); string(b) != "half" || !errors.Is(err, wrong) {
		t.Errorf("read %q, %v", b, err)
	}
	if k.take("bad") != nil || k.bytes != 0 {
		t.Errorf("a truncated content was kept, or is counted: %d bytes", k.bytes)
	}
	for i := range maxCachedBytes/maxCachedBlob + 3 {
		k.store(string(rune(i)), maxCachedBlob, bytes.NewReader(large[:maxCachedBlob]))
	}
	if k.bytes > maxCachedBytes {
		t.Errorf("%d bytes are kept", k.bytes)
	}
}
