// Package tree parses configuration files in TOML and in JSON with comments. The result keeps
// the path and the line of each value, so that a message can name them.
//
//	top, err := tree.Parse("wrangler.toml", text)
//	if n := top.Get("name"); n != nil {
//		fmt.Println(n.Path, n.Line, n.Value)
//	}
package tree
