package simulation

import "testing"

// killers are what finds the defects of mutation/guards/simulation.toml that the slices of the
// other tests do not find.
var (
	killingInjections = []string{
		"deploy, call 6, workers.deployments.create: refused, carried out",
		"newer commit without a change, call 3, workers.deployments.create: confirmed, not carried out",
		"deploy, call 7, workers.deployments.list: list of deployments empty",
		"deploy, call 3, kv.bulk.put: paused for longer than the grace period",
		"first deploy, call 7, workers.scripts.put: request lost",
		"prune of what an earlier release deployed, call 15, kv.keys.list: list of keys has each twice",
		"rollback to a commit, call 4, workers.versions.get: live version not found",
		"rollback, call 5, kv.values.put: success: false with status 200",
		"deploy of a project, call 6, kv.values.get: paused for longer than the grace period",
		"deploy in kv-assets, call 7, kv.values.put: paused for longer than the grace period",
		"prune in kv-assets, call 3, kv.keys.list: list of keys has each twice",
		"project deleted in pathname, call 4, kv.namespaces.list: not sent, and each later call",
		"prune after a rollback and changes of a secret, call 12, kv.keys.list: list of keys empty",
		"prune after a rollback and changes of a secret, call 13, kv.bulk.get: bulk read lacks the first of each two keys",
		"prune after a rollback and changes of a secret, call 13, kv.bulk.get: bulk read lacks the second of each two keys",
		"prune after two rollbacks with a short list, call 3, kv.keys.list: list of keys cut in half",
		"prune of what an earlier release deployed, call 17, kv.bulk.get: bulk read lacks the first of each two keys",
		"prune right after a deploy and changes of a secret, call 12, kv.keys.list: list of keys outdated",
		"deploy without the overlay, call 3, kv.values.get: read finds nothing",
		"project deleted, call 8, kv.values.put: reply lost, and each later call",
	}
	killingSeeds = []uint64{149}
)

// Promises 1 to 11: what has found a defect once finds it again.
func TestKillers(t *testing.T) {
	byName := make(map[string]Injection)
	for _, s := range injections(t) {
		byName[s.String()] = s
	}
	for _, name := range killingInjections {
		s, ok := byName[name]
		if !ok {
			t.Errorf("there is no injection %q any more", name)
			continue
		}
		try(t, s)
	}
	for _, seed := range killingSeeds {
		play(t, schedules[0].of, seed, false)
	}
}
