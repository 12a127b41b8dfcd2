package rules

import (
	"fmt"
	"io"
)

// MaxText bounds configuration and ignore files, which are read whole.
const MaxText = 8 << 20

// ReadText reads a small file whole. One of more than MaxText bytes is an error.
func ReadText(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxText+1))
	if err == nil && len(data) > MaxText {
		err = fmt.Errorf("more than %d MiB of configuration", MaxText>>20)
	}
	return data, err
}
