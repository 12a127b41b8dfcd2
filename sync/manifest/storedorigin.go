package manifest

// StoredOrigin is the part of an [Origin] that the next plan needs, as manifests store it.
type StoredOrigin struct {
	Kind   string `json:"kind"`
	ID     string `json:"id"`
	Rules  string `json:"rules"`
	Dir    string `json:"dir,omitempty"`
	Commit string `json:"commit,omitempty"`
	// Edition is 0 in manifests of earlier releases.
	Edition int `json:"edition,omitempty"`
}

// Stored returns what manifests store of the origin.
func (o Origin) Stored() StoredOrigin {
	return StoredOrigin{o.Kind, o.ID, o.Rules, o.Dir, o.Commit, o.Edition}
}

// Origin returns the stored part of the origin.
func (s StoredOrigin) Origin() Origin {
	return Origin{Kind: s.Kind, ID: s.ID, Rules: s.Rules, Dir: s.Dir, Commit: s.Commit, Edition: s.Edition}
}
