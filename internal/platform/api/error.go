package api

import (
	"errors"
	"fmt"
	"net/http"
)

// Error is an error response of the API.
type Error struct {
	Status  int
	Code    int
	Message string
	Meta    any // details for clients, or nil
}

func (e *Error) Error() string { return fmt.Sprintf("%s [code: %d]", e.Message, e.Code) }

// Failure returns an error response.
func Failure(status, code int, format string, args ...any) *Error {
	return &Error{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Internal returns the response for an error of the platform itself, or nil.
func Internal(err error) *Error {
	if err == nil {
		return nil
	}
	return Failure(http.StatusInternalServerError, 10001, "%v", err)
}

// ReadFailure returns the response for an error while a body was read, or nil. Its parameters
// are the results of a ReadFrom.
func ReadFailure(_ int64, err error) *Error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return Failure(http.StatusRequestEntityTooLarge, 10054, "request body exceeds the limit of %d bytes", tooLarge.Limit)
	case err != nil:
		return Failure(http.StatusBadRequest, 10026, "could not read the request body: %v", err)
	}
	return nil
}
