// Package attributes decides by .gitattributes files which bytes a checkout gives a file, as git
// does on Linux without configuration: line endings (text, eol), $Id$ (ident), and the names of
// a filter and of an encoding, which this package cannot apply.
//
//	scope := (*attributes.Scope)(nil).Within("", rootText).Within("docs/", docsText)
//	content = scope.Of("docs/table.csv").Apply(content, blobID)
package attributes
