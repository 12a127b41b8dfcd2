package source

import (
	"context"
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
