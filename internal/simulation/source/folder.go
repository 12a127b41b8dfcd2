package source

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Folder is a folder outside of git.
type Folder struct {
	Contents Files

	hashed
}

// FolderOf is a folder with files. It implements [manifest.Source].
func FolderOf(f Files) Folder { return Folder{f, hash(f)} }

// Origin implements [manifest.Source]. The id is known when the files have been read.
func (Folder) Origin(context.Context) (manifest.Origin, error) {
	return manifest.Origin{Kind: "folder", Rules: "r1", Dir: "dist", Edition: manifest.SelectionEdition}, nil
}

// list lists the files with their hashes.
func (f Folder) list(o manifest.Origin) *manifest.Listing {
	l := &manifest.Listing{Origin: o, Files: listed(f.Contents, time.Unix(900_000_000, 0))}
	for i := range l.Files {
		a := &l.Files[i].Asset
		b, err := hex.DecodeString(f.hashes[a.Path])
		if err != nil {
			panic(err)
		}
		a.Blob.Hash = manifest.Hash(b)
	}
	l.Origin.ID = manifest.FolderID(l)
	return l
}

// Changed implements [manifest.Source].
func (Folder) Changed(context.Context, manifest.Origin, []manifest.Dir) ([]string, bool, error) {
	return nil, false, nil
}

// Compare implements [manifest.Source].
func (Folder) Compare(context.Context, string, string) (manifest.Relation, error) {
	return manifest.RelationUnknown, nil
}

// Remember implements [manifest.Source].
func (Folder) Remember([]manifest.Asset) {}

// Files implements [manifest.Source].
func (f Folder) Files(ctx context.Context, _ *manifest.Manifest) (*manifest.Listing, error) {
	o, err := f.Origin(ctx)
	return f.list(o), err
}
