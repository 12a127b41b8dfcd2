package settle

import (
	"fmt"

	"github.com/kv-sync/kv-sync/sync/cloud"
)

// UnknownError is the result of a switch that could not be settled. It wraps
// [cloud.ErrUnknown].
type UnknownError struct {
	// Live is the active one at the last look. It is zero if none was active, and nil if
	// the last look failed.
	Live *Entry
	// Best should be live instead. It is nil if the result of the switch is unknown.
	Best  *Entry
	Cause error
}

// Error returns a message with the cause.
func (e *UnknownError) Error() string { return fmt.Sprintf("%s (%v)", cloud.ErrUnknown, e.Cause) }

// Unwrap returns ErrUnknown and not the cause: the cause may be the refusal of another
// request.
func (e *UnknownError) Unwrap() error { return cloud.ErrUnknown }
