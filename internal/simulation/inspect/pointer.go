package inspect

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// pointer is the value of project/{id}/current.
type pointer struct {
	Format      int
	Incarnation string
	Deleted     string
	Activations []struct {
		ID      string
		Time    time.Time
		Version string
		Message string
	}
	Version json.RawMessage
}

// mostActivations is how many the pointer of a project has at most.
const mostActivations = 100

func readPointer(b []byte) (*pointer, error) {
	p := &pointer{}
	if err := json.Unmarshal(b, p); err != nil {
		return nil, err
	}
	begin := `{"format":1,`
	if p.Incarnation != "" {
		begin = fmt.Sprintf(`{"format":2,"incarnation":"%.16s"`, p.Incarnation)
	}
	n := len(p.Activations)
	switch {
	case !strings.HasPrefix(string(b), begin):
		return nil, fmt.Errorf("it does not begin with %s", begin)
	case p.Deleted != "" && (p.Incarnation == "" || n > 0 || p.Version != nil):
		return nil, errors.New("it is no tombstone and no version")
	case p.Deleted != "":
		return p, nil
	case n == 0 || n > mostActivations:
		return nil, fmt.Errorf("it has %d activations", n)
	}
	if sum := sha256.Sum256(p.Version); !strings.HasPrefix(p.Activations[0].Version, hex.EncodeToString(sum[:])+".") {
		return nil, errors.New("its version does not hash to its id")
	}
	return p, nil
}

// projectVersion is a version of a project.
type projectVersion struct {
	Format  int
	Project string
	Loader  string
	Served  string
	Main    string
	Says    *says `json:"kv_sync"`
}

func readProjectVersion(b []byte, of owner) (*projectVersion, error) {
	v := &projectVersion{}
	if err := json.Unmarshal(b, v); err != nil {
		return nil, err
	}
	switch {
	case v.Format != 1 || v.Says == nil:
		return nil, errors.New("it is no version")
	case projects+v.Project != of.site || v.Says.Site != of.id():
		return nil, fmt.Errorf("it is of the project %s, of %s", v.Project, v.Says.Site)
	case v.Loader != loaderOf(b, v):
		return nil, fmt.Errorf("its loader is %s, want %s", v.Loader, loaderOf(b, v))
	}
	return v, nil
}

// loaderOf is the id for the Worker Loader, which changes with the assets and the code only.
func loaderOf(b []byte, v *projectVersion) string {
	code := "null"
	if v.Main != "" {
		_, text, _ := strings.Cut(string(b), `"served":"`+v.Served+`",`)
		text, _, _ = strings.Cut(text, `,"kv_sync":`)
		code = "{" + text + "}"
	}
	sum := sha256.Sum256([]byte(`["` + v.Served + `",` + code + `]`))
	return v.Project + ":" + hex.EncodeToString(sum[:])[:32]
}
