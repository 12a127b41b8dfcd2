package cloudflare

import "github.com/kv-sync/kv-sync/sync/finding"

// Cases of credentials that New refuses.
const (
	CaseNoToken   finding.Case = "there is no API token"
	CaseNoKey     finding.Case = "there is an e-mail address and no API key"
	CaseBadToken  finding.Case = "the API token contains a space, a line break or another invalid character"
	CaseNoID      finding.Case = "there is no account id"
	CaseInvalidID finding.Case = "the account id has {count} characters, not 32 digits 0-9a-f"
)

// Cases of calls that the API refuses.
const (
	CaseQuotaUsed    finding.Case = "the daily limit of the account's plan is used up"
	CaseInvalidToken finding.Case = "the API token is not valid"
	CaseNotPermitted finding.Case = "the API token does not have the permission for this"
	CaseLacks        finding.Case = "the API token lacks the permission {key} for this account"
	CaseOtherAccount finding.Case = "the API token is not for account {name}, or it lacks the permission {key}"
	CaseDenied       finding.Case = "the API token is not valid, or it is not for account {name}, or it lacks the " +
		"permission {key}"
	CaseNoNamespace   finding.Case = "the KV namespace does not exist, or belongs to another account"
	CaseOfCloudflare  finding.Case = "Cloudflare had an error of its own"
	CaseNoneBound     finding.Case = "the wrangler file binds a KV namespace that this account does not have"
	CaseNoRoute       finding.Case = "the account id or the namespace id is wrong"
	CaseNoSubdomain   finding.Case = "the account has no workers.dev subdomain yet"
	CaseSecretChanged finding.Case = "a secret was changed after that version was created"
	CaseNotAPI        finding.Case = "this is not a response of Cloudflare's API"
	CaseRedirected    finding.Case = "the API does not redirect"
)
