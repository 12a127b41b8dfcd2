package github

import (
	"context"
	"time"
)

// Attempts is the largest number of attempts of a request.
const Attempts = attempts

// SetWait replaces the pause between two attempts.
func (c *Client) SetWait(wait func(context.Context, time.Duration) error) { c.wait = wait }
