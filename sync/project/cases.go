package project

import "github.com/kv-sync/kv-sync/sync/finding"

// Cases of what a Dynamic Worker cannot have.
const (
	CaseAssets finding.Case = "a project's code gets its assets from its loader as env.{name}, which nothing else " +
		"can be"
	CaseBinding    finding.Case = "a binding of the type {name} cannot be given to a Dynamic Worker"
	CaseMigrations finding.Case = "a Dynamic Worker has no Durable Objects of its own"
	CaseSetting    finding.Case = "this setting has no effect on the Dynamic Worker of project {name}"
)

// Cases of records that this release cannot read.
const (
	CaseRecordUnread  finding.Case = "read {path}: it was not written by kv-sync"
	CaseCurrentUnread finding.Case = "read {path}: the version in it, {what}: {cause}"
	CaseVersionUnread finding.Case = "version {what} of {site} was not written by kv-sync: {cause}; its key is {path}"
	CaseActiveUnread  finding.Case = "the live version {what} of {site} was not written by kv-sync: {cause}; its key is " +
		"{path}"
)
