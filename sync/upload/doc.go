// Package upload writes many values into a namespace of Workers KV with few
// requests and a bounded amount of memory.
//
// An [Item] is one value: the bytes of a file ([NewItem]) or bytes that are at
// hand ([Value]). [Run] packs small values into bulk writes, sends large ones by
// themselves and files of more than one value in chunks, and returns when the API
// has confirmed every key. It hashes what it reads, so the hash of an item may be
// unknown before: Item.Got has it afterwards.
//
// A [Budget] bounds the memory of several uploads together.
package upload
