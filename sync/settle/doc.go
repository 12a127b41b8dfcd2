// Package settle finds out what became of a switch, and which of several switches of
// the same moment stays.
//
// Cloudflare's API has no precondition on a switch: a run may switch over a deployment
// that it has not seen. So after its switch each run looks at what was activated since
// its plan. [Judge] decides which activation is to be live, and [Switch.Settle] makes it
// live again where it is not, and looks once more after that.
//
// Three kinds of facts decide, in this order:
//
//   - Knowledge. An activation names the one on which it was planned. If that one
//     stands, the new one replaces it: the guards of its run have seen it.
//   - The choice of a person with another tool is left alone.
//   - Order. Of two deployments that did not know of each other the newer commit
//     stands. A rollback stands over the commits that it holds back. What has no order
//     stands until the run of the other has planned again.
//
// # Why it converges
//
// Let several runs deploy commits that have an order, and let M be the newest of those
// that were switched to. Let X be the last activation of all, made by the run R. R has
// looked after X and saw X active, so X is at least as new as everything since the base
// of R's plan, and as the base itself.
//
// If M was switched to after that base, R saw it, and X is M. If not, the base is M, or
// some run Q switched from M to something older without having seen M. Q's look after
// its switch shows M, and Q activates M again, unless M is active then. That activation
// of M is before X, and then it is after R's base, so R saw it; or it is after X, and
// then X is not the last one. So X is M.
//
// This needs no bound on how long a run waits between its switch and its look. It needs
// that each run looks at everything since its base after each activation that it makes,
// and that none of them ends without that look, or says so.
package settle
