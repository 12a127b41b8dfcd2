package cloud

import "errors"

// ErrNotFound is returned (wrapped) for a key, script or version that is not there.
var ErrNotFound = errors.New("not found")

// ErrUnknown is returned (wrapped) by a call that switches if its answer was lost:
// the switch may have happened.
var ErrUnknown = errors.New("the outcome is not known")

// ErrUnsent is returned (wrapped) by a call that switches if a read before the switch
// failed. The switch itself was not sent.
var ErrUnsent = errors.New("the switch was not sent")

// ErrRefused is returned (wrapped) by a call of a [Store] that the API refused: it
// was not carried out, and would be refused again.
var ErrRefused = errors.New("the API refuses it")

// ErrIgnored is returned (wrapped) when the API accepted a bulk call, and reports keys
// as not written or not deleted each time the call is repeated.
var ErrIgnored = errors.New("the API accepted the request and did not carry it out")

// ErrSecretChanged is returned (wrapped) by Activate: a secret was changed since
// the version was made, and activating it would bring the old value back.
var ErrSecretChanged = errors.New("a secret was changed since that version was made")

// ErrWorkerRefused is returned (wrapped) by an upload of a Worker that the API does not accept, such as
// one whose code throws an exception at its start. The same Worker would be refused again.
var ErrWorkerRefused = errors.New("the API does not accept the Worker")

// ErrQuota is returned (wrapped) when the account's daily KV quota is used up.
var ErrQuota = errors.New("the account's KV quota for today is used up")

// ErrOvertaken is returned (wrapped) when another deployment switched between the
// plan and the switch.
var ErrOvertaken = errors.New("another deployment switched meanwhile")
