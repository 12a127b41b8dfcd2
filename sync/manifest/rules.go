package manifest

// Redirect is one line of _redirects, compiled.
type Redirect struct {
	// From is a pathname, possibly with one "*" splat and ":placeholder"s, or an
	// absolute https URL with them.
	From string `json:"from"`
	// To is a pathname or a URL, with the same placeholders and ":splat".
	To string `json:"to"`
	// Status is 200 (proxy), 301, 302, 303, 307 or 308.
	Status int `json:"status"`
}

// HeaderRule is one block of _headers, compiled.
type HeaderRule struct {
	// Path is a pattern as in Redirect.From.
	Path string `json:"path"`
	// Set lists headers to add, name and value, in the order of the file.
	Set [][2]string `json:"set,omitempty"`
	// Unset lists the names of headers to remove ("! Name").
	Unset []string `json:"unset,omitempty"`
}
