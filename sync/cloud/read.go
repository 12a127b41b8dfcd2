package cloud

import (
	"context"
	"errors"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

// ReadAs reads a value and returns what decode makes of it. decode must refuse a value that
// is not whole, for example one with an unexpected hash. ReadAs reads a refused value once
// more, because a proxy may have answered, or the answer was cut short. If decode refuses
// it again, the store has that value, and the error is a [DecodeError].
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

// Decoded is a decoded value, or the [DecodeError] of a value that cannot be decoded.
type Decoded[T any] struct {
	Value T
	Err   error
}

// manyAtOnce is the number of requests that [ReadMany] sends at once.
const manyAtOnce = 8

// ReadMany reads small text values like [ReadAs]. If the store is a [BulkReader], it reads
// many with one request, unless their values are too large for that. A key that does not exist is
// not in the result.
func ReadMany[T any](ctx context.Context, s Store, keys []string,
	decode func([]byte) (T, error)) (map[string]Decoded[T], error) {
	var mu sync.Mutex
	out := make(map[string]Decoded[T], len(keys))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(manyAtOnce)
	one := func(key string) error {
		v, err := ReadAs(ctx, s, key, decode)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil && !Undecodable(err) {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		out[key] = Decoded[T]{v, err}
		return nil
	}
	bulk, ok := s.(BulkReader)
	if !ok || len(keys) == 1 {
		for _, key := range keys {
			g.Go(func() error { return one(key) })
		}
		return out, g.Wait()
	}
	for some := range slices.Chunk(keys, MaxBulkReads) {
		g.Go(func() error {
			values, err := bulk.GetBulk(ctx, some)
			if errors.Is(err, ErrRefused) { // the values may have too many bytes for one answer
				for _, key := range some {
					if err := one(key); err != nil {
						return err
					}
				}
				return nil
			}
			if err != nil {
				return err
			}
			for key, b := range values {
				v, err := decode(b)
				if err != nil { // read it once more, in a request of its own
					if err := one(key); err != nil {
						return err
					}
					continue
				}
				mu.Lock()
				out[key] = Decoded[T]{Value: v}
				mu.Unlock()
			}
			return nil
		})
	}
	return out, g.Wait()
}
