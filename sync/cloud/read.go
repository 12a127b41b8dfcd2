package cloud

import (
	"context"
	"errors"
)

// ReadAs returns a value as decode reads it. decode must refuse a value that is not whole,
// such as one without the hash that is expected. A value that it refuses is read once more:
// a proxy may have answered, or the answer was cut short. So what is refused then is what
// the store has, and its error is a [DecodeError]. Every read of such a value uses ReadAs.
func ReadAs[T any](ctx context.Context, s Store, key string, decode func([]byte) (T, error)) (v T, err error) {
	for range 2 {
		b, unread := s.Get(ctx, key)
		if unread != nil {
			var none T
			return none, unread
		}
		if v, err = decode(b); err == nil {
			return v, nil
		}
	}
	return v, &DecodeError{err}
}

// DecodeError says that a value was read and could not be decoded.
type DecodeError struct{ Err error }

func (e *DecodeError) Error() string { return e.Err.Error() }

// Unwrap returns the error of the decoder.
func (e *DecodeError) Unwrap() error { return e.Err }

// Undecodable reports whether an error is a [DecodeError].
func Undecodable(err error) bool { return errors.As(err, new(*DecodeError)) }
