package objects

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// readShallow reads git's list of the commits whose parents the clone does not have.
func readShallow(commonDir string) (map[string]bool, error) {
	text, err := os.ReadFile(filepath.Join(commonDir, "shallow"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read the boundary of the shallow clone: %w", err)
	}
	boundary := map[string]bool{}
	for _, id := range strings.Fields(string(text)) {
		boundary[id] = true
	}
	return boundary, nil
}
