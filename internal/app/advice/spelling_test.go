package advice

import "testing"

// Every command in a text gets the flags of the site.
func TestComplete(t *testing.T) {
	for text, want := range map[string]string{
		"see kv-sync history": "see kv-sync history --name $1 --local",
		"kv-sync deploy --repair, or kv-sync rollback": "kv-sync deploy --name $1 --local --repair, " +
			"or kv-sync rollback --name $1 --local",
		"kv-sync dev serves it; update kv-sync": "kv-sync dev serves it; update kv-sync",
	} {
		if got := Complete(text, " --name $1 --local"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A message names what a person can give in the place. It names a flag only if there is nothing else.
func TestSpell(t *testing.T) {
	ofHooks := map[string]string{
		"give --name":  "give kv-sync hook install --name",
		"give --dir .": "give kv-sync hook install --dir .",
	}
	for text, want := range map[string][2]string{
		"give --name":  {"give the input name", "give the daemon's setting name"},
		"give --dir .": {"give the input directory .", "give the daemon's setting dir ."},
		"leave --commit out": {"leave the ref of actions/checkout out",
			"leave the daemon's setting branch out"},
		"give --hide-edits": {"give --hide-edits (a flag of the kv-sync command)",
			"give --hide-edits (a flag of the kv-sync command)"},
		"once by hand: kv-sync deploy --take-over; or give --env x": {
			"once by hand: kv-sync deploy --take-over; or give the input environment x",
			"once by hand: kv-sync deploy --take-over; or give --env (a flag of the kv-sync command) x"},
		"npx expo export --platform web": {"npx expo export --platform web", "npx expo export --platform web"},
	} {
		if got := Workflow.Spell(text); got != want[0] {
			t.Errorf("%q becomes %q in a workflow, want %q", text, got, want[0])
		}
		if got := Daemon.Spell(text); got != want[1] {
			t.Errorf("%q becomes %q for the daemon, want %q", text, got, want[1])
		}
		if got, want := Hook.Spell(text), ofHooks[text]; want != "" && got != want || want == "" && got != text {
			t.Errorf("%q becomes %q in a hook", text, got)
		}
		if got := Terminal.Spell(text); got != text {
			t.Errorf("%q becomes %q at a terminal", text, got)
		}
	}
}
