// Package protocol is a model of the protocol by which several processes deploy, roll back and
// prune one site. It is small enough that every order of its steps is searched.
//
// A [Cast] says who takes part and what may happen: how many deployers, a rollback, a prune,
// changes of secrets, how much time may pass, who may be killed. [Search] visits each state that
// the cast can reach, breadth first, and checks the invariants in each of them. If one is
// violated, it returns the shortest sequence of steps that leads there.
//
// The protocol has rules, such as "the record is written before the switch". [Rules] lists them
// with the function of the engine that implements each. A search can be told to leave one out, and
// must then find a violation: otherwise the rule, or the model, is not needed.
//
// # What a state has
//
// A key is what one run wrote for one content. A deployment has the number of the run that made it,
// and names the keys of its manifest. Commits are numbers; a greater one contains the smaller ones.
// Time passes in ticks of half the grace period. A key is younger than the grace period for two
// ticks.
//
// The model does not have what has no part in the promises that it checks: bytes, requests that
// fail and are sent again without an effect, several locations, and the first deploy of a site.
// docs/model.md has the result, and says what is assumed.
package protocol
