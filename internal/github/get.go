package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	// attempts is the largest number of attempts of a request.
	attempts    = 8
	firstWait   = 500 * time.Millisecond
	longestWait = 15 * time.Second
	// maxResponse is larger than any response of GitHub.
	maxResponse = 32 << 20
)

// temporaryError is an error after which the request is repeated. retryAfter is the time that
// the server demands between the attempts.
type temporaryError struct {
	error
	retryAfter time.Duration
}

// get sends a GET request to a path of the repository and decodes the response. It repeats
// the request after a connection error, a 5xx status or a rate limit.
func (c *Client) get(ctx context.Context, path []string, query string, into any) error {
	u := c.base.JoinPath(append([]string{"repos", c.repository}, path...)...)
	u.RawQuery = query
	wait := firstWait
	for attempt := 1; ; attempt++ {
		err := c.attempt(ctx, u.String(), into)
		temporary := (*temporaryError)(nil)
		if !errors.As(err, &temporary) || attempt == attempts || ctx.Err() != nil {
			return err
		}
		if err := c.wait(ctx, min(max(wait, temporary.retryAfter), longestWait)); err != nil {
			return err
		}
		wait *= 2
	}
}

func (c *Client) attempt(ctx context.Context, address string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("X-GitHub-Api-Version", "2022-11-28")
	req.Header.Set("User-Agent", "kv-sync")
	c.authorize(req)
	res, err := c.http.Do(req)
	if err != nil {
		return &temporaryError{error: err}
	}
	defer res.Body.Close() //nolint:errcheck // only read
	if err := statusError(res); err != nil {
		return err
	}
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxResponse)).Decode(into); err != nil {
		return &temporaryError{error: fmt.Errorf("read the response: %w", err)}
	}
	return nil
}

func statusError(res *http.Response) error {
	status := res.StatusCode
	limited := status == http.StatusTooManyRequests || status == http.StatusForbidden &&
		res.Header.Get("Retry-After") != ""
	switch {
	case status == http.StatusOK:
		return nil
	case status == http.StatusNotFound, status == http.StatusUnprocessableEntity: // 422: no commit has this id
		return ErrNotFound
	case limited || status >= 500:
		seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
		return &temporaryError{fmt.Errorf("status %d", status), time.Duration(seconds) * time.Second}
	}
	return fmt.Errorf("status %d; check the GitHub token", status)
}
