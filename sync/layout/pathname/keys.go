package pathname

import (
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/upload"
)

// Keys are the keys of a project. The value is "project/{id}":
//
//	project/{id}/assets{pathname}   the bytes of a file
//	project/{id}/manifest           a [Manifest]
type Keys string

// Manifest is the key of the manifest.
func (k Keys) Manifest() string { return string(k) + "/manifest" }

// Assets is the prefix of the keys of the files, without the pathname's "/".
func (k Keys) Assets() string { return string(k) + "/assets" }

// Asset is the key of the file at a pathname.
func (k Keys) Asset(path string) string { return k.Assets() + path }

// Item returns the upload of a file under its pathname.
func (k Keys) Item(f manifest.File) *upload.Item {
	key := k.Asset(f.Path)
	return &upload.Item{
		Name: f.Path, Size: f.Size, Want: f.Blob.Hash, Open: f.Open,
		Key: func(manifest.Hash) string { return key }, KeyBytes: upload.KeyBytes(key),
	}
}
