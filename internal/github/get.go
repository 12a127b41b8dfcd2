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
	// attempts limits how often a request is sent, as for Cloudflare.
	attempts    = 8
	firstWait   = 500 * time.Millisecond
	longestWait = 15 * time.Second
	// maxAnswer is larger than GitHub's answers.
	maxAnswer = 32 << 20
)

// temporaryError allows another attempt, after the time that the server asks for.
type temporaryError struct {
	error
	after time.Duration
}

// get sends a GET to a path of the repository and decodes the answer. It repeats the
// request after a broken connection, a 5xx status or a rate limit.
func (c *Client) get(ctx context.Context, path []string, query string, into any) error {
	u := c.base.JoinPath(append([]string{"repos", c.repository}, path...)...)
	u.RawQuery = query
	wait := firstWait
	for attempt := 1; ; attempt++ {
		err := c.attempt(ctx, u.String(), into)
		again := (*temporaryError)(nil)
		if !errors.As(err, &again) || attempt == attempts || ctx.Err() != nil {
			return err
		}
		if err := c.wait(ctx, min(max(wait, again.after), longestWait)); err != nil {
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
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(into); err != nil {
		return &temporaryError{error: fmt.Errorf("read the answer: %w", err)}
	}
	return nil
}

func statusError(res *http.Response) error {
	status := res.StatusCode
	err := fmt.Errorf("status %d; check the GitHub token", status)
	limited := status == http.StatusTooManyRequests || status == http.StatusForbidden &&
		res.Header.Get("Retry-After") != ""
	switch {
	case status == http.StatusOK:
		return nil
	case status == http.StatusNotFound, status == http.StatusUnprocessableEntity: // 422: no commit has this id
		return ErrNotFound
	case limited || status >= 500:
		seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
		return &temporaryError{error: fmt.Errorf("status %d", status), after: time.Duration(seconds) * time.Second}
	}
	return err
}
