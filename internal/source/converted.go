package source

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // git's object ids
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/kv-sync/kv-sync/internal/git/attributes"
	"github.com/kv-sync/kv-sync/internal/git/objects"
	"github.com/kv-sync/kv-sync/internal/source/rules"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// maxConverted bounds the size of a file that is converted, because it is held in memory.
const maxConverted = 64 << 20

// fixFolder is the fix for a file of a commit that only a checkout has as it is meant.
const fixFolder = "deploy the folder of a checkout (source: folder), or name it in " + rules.AssetsIgnoreFile

// attributeFile is a .gitattributes file that is in force in the published directory.
type attributeFile struct {
	dir string // "" for the repository's root, else ends in a slash
	id  string
}

// noteAttributes records the .gitattributes file of a directory on the way to the published one.
func (c *Commit) noteAttributes(dir string, entries []objects.Entry) {
	for _, e := range entries {
		if e.Name == attributes.File && e.Kind() == objects.ModeFile {
			if dir != "" {
				dir += "/"
			}
			c.attributeFiles = append(c.attributeFiles, attributeFile{dir, e.ID})
		}
	}
}

// attributes returns the attributes that are in force in the published directory. It reads them once.
func (c *Commit) attributes(ctx context.Context) (*attributes.Scope, error) {
	if c.hasInForce {
		return c.inForce, nil
	}
	var scope *attributes.Scope
	for _, f := range c.attributeFiles {
		text, err := blobText(ctx, c.objects, f.id)
		if err != nil {
			return nil, fmt.Errorf("%s%s: %w", f.dir, attributes.File, err)
		}
		scope = scope.Within(f.dir, string(text))
	}
	c.inForce, c.hasInForce = scope, true
	return scope, nil
}

// repoPath returns the path of a file from the repository's root.
func (c *Commit) repoPath(rel string) string { return path.Join(c.dir, rel) }

// conversionProblem returns why kv-sync cannot publish what a checkout has for a file. Git LFS
// leaves a file that is not a pointer as it is, and pointers are refused by their content.
func conversionProblem(c attributes.Conversion) rules.Problem {
	switch {
	case c.Filter != "" && c.Filter != "lfs":
		return rules.Problem{
			Reason: fmt.Sprintf("a checkout passes the file through the git filter %q, which the commit's bytes have not passed",
				c.Filter),
			Fix: fixFolder}
	case c.Encoding != "":
		return rules.Problem{
			Reason: fmt.Sprintf("a checkout has the file in the encoding %s (working-tree-encoding), the commit in UTF-8",
				c.Encoding),
			Fix: fixFolder}
	}
	return rules.Problem{}
}

// attributesIn returns the attributes that are in force in a directory below the published one. outer are
// those of its parent.
func (c *Commit) attributesIn(
	ctx context.Context, outer *attributes.Scope, rel string, entries []objects.Entry,
) (*attributes.Scope, error) {
	for _, e := range entries {
		if e.Name != attributes.File || e.Kind() != objects.ModeFile || rel == "" {
			continue
		}
		text, err := blobText(ctx, c.objects, e.ID)
		if err != nil {
			return nil, fmt.Errorf("%s%s: %w", rel, attributes.File, err)
		}
		return outer.Within(c.repoPath(rel)+"/", string(text)), nil
	}
	return outer, nil
}

// convert lists a file that a checkout converts, with the bytes that the checkout has. Its
// directories are not reused, because their trees do not identify these bytes.
func (w *commitWalk) convert(ctx context.Context, f foundBlob) error {
	size, err := w.objects.BlobSize(ctx, f.id)
	if err != nil {
		return fmt.Errorf("%s: %w", f.rel, err)
	}
	if size > maxConverted {
		w.Refuse(f.rel, rules.Problem{
			Reason: fmt.Sprintf("the file has attributes (eol or ident) and more than %d MiB", maxConverted>>20),
			Fix:    fixFolder})
		return nil
	}
	open := w.opening.converted(f)
	content, err := open()
	if err != nil {
		return fmt.Errorf("%s: %w", f.rel, err)
	}
	a := manifest.Asset{
		Path: rules.Pathname(f.rel), ContentType: rules.ContentType(f.rel),
		OID: blobID(len(f.id), content.Bytes()), Size: int64(content.Len()), Modified: w.commit.Time.Unix(),
	}
	hash, problem, err := rules.Digest(ctx, content, a.Size, true)
	if err != nil {
		return fmt.Errorf("%s: %w", f.rel, err)
	}
	a.Blob.Hash = hash
	w.Refuse(f.rel, problem)
	w.base.KeepTime(&a)
	w.Refuse(f.rel, rules.CheckFile(f.rel, a.Path, a.Size, w.hasAssetsIgnore))
	w.Add(manifest.File{Asset: a, Open: func() (io.ReadCloser, error) {
		content, err := open()
		return io.NopCloser(content), err
	}})
	w.markFoldersNotReusable(f.rel)
	return nil
}

// converted returns the function that reads a blob as a checkout has it.
func (o *opening) converted(f foundBlob) func() (*bytes.Buffer, error) {
	return func() (*bytes.Buffer, error) {
		blob, err := o.objects.Blob(o.ctx, f.id)
		if err != nil {
			return nil, err
		}
		defer blob.Close()
		content, err := io.ReadAll(blob)
		return bytes.NewBuffer(f.conversion.Apply(content, f.id)), err
	}
}

// blobID returns the object id that git gives a content, with the length of the other ids.
func blobID(digits int, content []byte) string {
	h := sha1.New() //nolint:gosec // git's object ids
	if digits > 2*sha1.Size {
		h = sha256.New()
	}
	fmt.Fprintf(h, "blob %d\x00", len(content))
	_, _ = h.Write(content)
	return hex.EncodeToString(h.Sum(nil))
}

// attributeIDs identifies the attributes that are in force in the published directory.
func (c *Commit) attributeIDs() string {
	var b strings.Builder
	for _, f := range c.attributeFiles {
		fmt.Fprintf(&b, " %s%s", f.dir, f.id)
	}
	return b.String()
}
