package protocol

// Which contents commits have. In shared, each commit keeps one content of the one before it.
// In returning, commit 3 has again what commit 1 had, and commit 2 has not.
var (
	apart     = [maxCommits][]uint8{1: {0}, 2: {1}, 3: {2}, 4: {0, 1}}
	shared    = [maxCommits][]uint8{1: {0, 1}, 2: {0, 2}, 3: {1, 2}, 4: {0, 1, 2}}
	returning = [maxCommits][]uint8{1: {0}, 2: {1}, 3: {0}, 4: {0, 1}}
)

// Casts are the searches of the tests.
var Casts = []*Cast{
	{Name: "deployers", About: "three deployers of three commits",
		History: []uint8{1}, Contents: apart, List: maxActivations, Retain: 2, Whole: true, Actors: deployers(1, 2, 3, 4)},
	{Name: "deployers that plan again", About: "the same; each may plan twice", Long: true,
		History: []uint8{1}, Contents: apart, List: maxActivations, Retain: 2, Whole: true, Actors: deployers(2, 2, 3, 4)},
	{Name: "rollback", About: "two deployers, one of them of the live commit, and a rollback",
		History: []uint8{1, 2}, Contents: apart, List: maxActivations, Retain: 2, Whole: true,
		Actors: append(deployers(2, 2, 3), Actor{Part: Rollback})},
	{Name: "secrets", About: "two deployers, while another tool changes a secret",
		History: []uint8{1}, Contents: apart, List: maxActivations, Retain: 2, Whole: true, Edits: 1,
		Actors: deployers(2, 2, 3)},
	{Name: "no change", About: "two deployers; the newest commit has the files of the live one",
		History: []uint8{1}, Contents: returning, List: maxActivations, Retain: 2, Whole: true, Actors: deployers(2, 2, 3)},
	{Name: "no change, short list", About: "the same in turn; Cloudflare lists two activations, secrets change",
		History: []uint8{1}, Contents: returning, List: 2, Retain: 2, Whole: true, Edits: 3, Serial: true,
		Actors: deployers(2, 2, 3)},
	{Name: "hold", About: "a rollback and a late deployer; Cloudflare lists two activations, secrets change",
		History: []uint8{1, 2}, Contents: apart, List: 2, Retain: 3, Whole: true, Edits: 3,
		Actors: append(deployers(2, 2), Actor{Part: Rollback})},
	{Name: "killed", About: "two deployers that may be killed at any step and are started again",
		History: []uint8{1}, Contents: apart, List: maxActivations, Retain: 2, Whole: true,
		Actors: killable(deployers(3, 2, 3))},
	{Name: "prune", About: "an upload ahead, its deployer and a prune, each suspended for any time",
		History: []uint8{1}, Contents: shared, List: maxActivations, Retain: 1, Ticks: 3,
		Actors: append(deployers(2, 2), Actor{Part: Ahead, Commit: 2, Tries: 1}, Actor{Part: Pruner})},
	{Name: "prune, and killed", About: "the same; the deployer may be killed, and more time passes", Long: true,
		History: []uint8{1}, Contents: shared, List: maxActivations, Retain: 1, Ticks: 4,
		Actors: append(killable(deployers(2, 2)), Actor{Part: Ahead, Commit: 2, Tries: 1}, Actor{Part: Pruner})},
	{Name: "content returns", About: "a deployer whose commit has a file of an earlier one, and two prunes",
		History: []uint8{1, 2}, Contents: returning, List: maxActivations, Retain: 1, Ticks: 3,
		Actors: append(deployers(2, 3), Actor{Part: Pruner}, Actor{Part: Pruner})},
	{Name: "short list", About: "two deployers in turn and a prune; Cloudflare lists two activations, secrets change",
		History: []uint8{1}, Contents: apart, List: 2, Retain: 2, Ticks: 3, Edits: 2, Serial: true,
		Actors: append(deployers(1, 2, 3), Actor{Part: Pruner})},
	{Name: "rollback and prune", About: "a rollback, a deployer and a prune",
		History: []uint8{1, 2, 3}, Contents: apart, List: maxActivations, Retain: 2, Ticks: 2,
		Actors: append(deployers(1, 4), Actor{Part: Rollback}, Actor{Part: Pruner})},
	{Name: "everything", About: "a rollback, a deployer that may be killed and plans twice, and a prune", Long: true,
		History: []uint8{1, 2, 3}, Contents: apart, List: maxActivations, Retain: 2, Ticks: 3,
		Actors: append(killable(deployers(2, 4)), Actor{Part: Rollback}, Actor{Part: Pruner})},
	{Name: "late rollback", About: "a rollback to a deployment that is kept only for its age, and two prunes",
		History: []uint8{1, 2}, Contents: shared, List: maxActivations, Retain: 1, Ticks: 4, Recent: true,
		Actors: []Actor{{Part: Rollback, Killable: true}, {Part: Pruner}, {Part: Pruner}}},
	{Name: "choice", About: "two prunes, while a person makes an earlier, complete deployment live with another tool",
		History: []uint8{1, 2, 3}, Contents: shared, List: maxActivations, Retain: 1, Ticks: 3,
		Actors: []Actor{{Part: Person}, {Part: Pruner}, {Part: Pruner}}},
}

// deployers returns deployers of commits.
func deployers(tries uint8, commits ...uint8) (out []Actor) {
	for _, c := range commits {
		out = append(out, Actor{Part: Deployer, Commit: c, Tries: tries})
	}
	return out
}

// killable returns actors that may be killed.
func killable(actors []Actor) []Actor {
	for i := range actors {
		actors[i].Killable = true
	}
	return actors
}
