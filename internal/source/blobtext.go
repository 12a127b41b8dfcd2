package source

import (
	"context"

	"github.com/kv-sync/kv-sync/internal/git/objects"
	"github.com/kv-sync/kv-sync/internal/source/rules"
)

// blobText returns a small blob whole, for example a configuration file or the target of a
// symlink.
func blobText(ctx context.Context, o *objects.Reader, id string) ([]byte, error) {
	content, err := o.Blob(ctx, id)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	return rules.ReadText(content)
}
