package config

import "testing"

// The API's address must be https. For this machine it may be http.
func TestAPIAddress(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"https://api.example/v4": true, "http://localhost:8787/v4": true, "http://127.0.0.1:1": true,
		"http://127.9.9.9": true, "http://[::1]:8787": true,
		"http://192.168.1.5": false, "http://10.0.0.1": false, "http://203.0.113.7": false, "http://[fd00::1]": false,
		"http://0.0.0.0": false, "http://localhost.example": false, "http://127.0.0.1.example": false,
		"http://api.example": false, "ftp://localhost": false, "//localhost": false, "https://": false,
		"https://a:b@api.example": false, "https://api.example?x=1": false, "https://api.example#x": false,
	} {
		in := Inputs{Root: project(t, siteFiles(nil)), Flags: map[string]string{"api-base-url": address}}
		if _, _, err := Load(in); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// A site's name together with a project is refused, unless the name is in a wrangler file or in
// kv-sync.toml.
func TestSiteAndProject(t *testing.T) {
	t.Parallel()
	shop := map[string]string{"project": "shop"}
	for name, tt := range map[string]struct {
		flags, env, files map[string]string
		refused           bool
	}{
		"two flags":     {flags: map[string]string{"name": "a", "project": "shop"}, refused: true},
		"two variables": {env: map[string]string{"KV_SYNC_NAME": "a", "KV_SYNC_PROJECT": "shop"}, refused: true},
		"a variable and a file": {
			env: map[string]string{"KV_SYNC_NAME": "a"}, files: ownFile(`project = "shop"`), refused: true,
		},
		"the name in the wrangler file": {flags: shop, files: wranglerTOML(`name = "a"`)},
		"the name in kv-sync.toml":      {flags: shop, files: ownFile(`name = "a"`)},
	} {
		s, _, err := Load(Inputs{Root: project(t, siteFiles(tt.files)), Flags: tt.flags, Getenv: environ(tt.env)})
		if tt.refused != (err != nil) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && (s.Name != "" || s.Project != "shop") {
			t.Errorf("%s: site %q, project %q", name, s.Name, s.Project)
		}
	}
}
