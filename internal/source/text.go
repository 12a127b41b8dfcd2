package source

import (
	"context"
	"fmt"
	"io"
)

// blobText returns a small blob whole: a configuration file, the target of a link.
func blobText(ctx context.Context, o *objects, id string) ([]byte, error) {
	content, err := o.blob(ctx, id)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	return readText(content)
}

// maxText bounds files that are read whole for what they say.
const maxText = 8 << 20

func readText(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxText+1))
	if err == nil && len(data) > maxText {
		err = fmt.Errorf("more than %d MiB of configuration", maxText>>20)
	}
	return data, err
}
