// Package upload writes many values into a namespace of Workers KV with few
// requests and a bounded amount of memory.
//
// An [Item] is one value: the bytes of a file ([NewItem]) or bytes in memory
// ([Value]). [Run] packs small values into bulk writes, sends each large one in a request
// of its own, and sends a file that is too large for one value in chunks. It returns when
// the API has confirmed every key. It also computes the hash of each item: see Item.Got.
//
// A [Budget] bounds the memory of several uploads together.
package upload
