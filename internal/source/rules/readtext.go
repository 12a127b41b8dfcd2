package rules

import (
	"fmt"
	"io"
)

// maxText bounds files that are read whole for what they say.
const MaxText = 8 << 20

func ReadText(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxText+1))
	if err == nil && len(data) > MaxText {
		err = fmt.Errorf("more than %d MiB of configuration", MaxText>>20)
	}
	return data, err
}
