package app

import "github.com/kv-sync/kv-sync/internal/source"

// Reads counts what the site's last call read of the commit.
func (s *Site) Reads() source.Reads { return s.commit.Reads() }
