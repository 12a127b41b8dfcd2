// Package settle finds out whether a switch happened, and which of several concurrent
// switches should stay live.
//
// Cloudflare's API has no precondition on a switch: a run may replace a deployment that it
// has not seen. So after its switch each run looks at what was activated since its plan.
// [Judge] decides which activation should be live. If another one is live,
// [Switch.Settle] activates the right one again, and then looks once more.
//
// In this text an activation "wins" if it should be live. Three kinds of facts decide, in
// this order:
//
//   - Knowledge. An activation names the one on which it was planned, its base. If the
//     base is winning, the new one wins over it: the guards of its run have seen the base.
//   - Choice. If a person chose an activation with another tool, it wins.
//   - Order. Of two concurrent deployments, which did not know of each other, the newer
//     commit wins. A rollback wins over the commits that it holds back. If the order is
//     unknown, the later activation stays live until its own run has planned again.
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
// A run may wait for any time between its switch and its look. But each run has to look at
// everything since its base after each activation that it makes. A run that ends without
// that look has to report it.
package settle
