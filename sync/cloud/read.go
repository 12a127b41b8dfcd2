package cloud

import "context"

// ReadValid returns a value that can tell by itself whether it is whole. A value that is
// not valid is read once more: a proxy may have answered, or the answer was cut short. So
// what a caller finds invalid is what the store has. Every read of such a value uses it.
func ReadValid(ctx context.Context, s Store, key string, valid func([]byte) bool) ([]byte, error) {
	b, err := s.Get(ctx, key)
	if err != nil || valid(b) {
		return b, err
	}
	return s.Get(ctx, key)
}
