package source

import (
	"fmt"
	"io"
)

// maxText bounds files that are read whole for what they say.
const maxText = 8 << 20

func readText(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxText+1))
	if err == nil && len(data) > maxText {
		err = fmt.Errorf("more than %d MiB of configuration", maxText>>20)
	}
	return data, err
}
