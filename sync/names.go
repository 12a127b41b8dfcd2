// The names under which this package offers what its subpackages declare, until
// all callers use those packages themselves. Nothing else belongs into this file.
//
//nolint:revive // each name carries its comment where it is declared
package kvsync

import (
	"regexp"
	"time"

	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/phrase"
)

type Asset = manifest.Asset
type Dir = manifest.Dir
type File = manifest.File
type Hash = manifest.Hash
type Hasher = manifest.Hasher
type HeaderRule = manifest.HeaderRule
type Listing = manifest.Listing
type Manifest = manifest.Manifest
type Nonce = manifest.Nonce
type Origin = manifest.Origin
type Problem = manifest.Problem
type Redirect = manifest.Redirect
type Ref = manifest.Ref
type RefusedError = manifest.RefusedError
type Relation = manifest.Relation
type Repository = manifest.Repository
type Retired = manifest.Retired
type Routing = manifest.Routing
type Serving = manifest.Serving
type Source = manifest.Source
type chunkIndex = manifest.ChunkIndex
type content = manifest.Content
type keys = manifest.Keys

const EveryRequest = manifest.EveryRequest
const MaxFileBytes = manifest.MaxFileBytes
const MaxValueBytes = manifest.MaxValueBytes
const NoFiles = manifest.NoFiles
const PulledName = manifest.PulledName
const RelationDiverged = manifest.RelationDiverged
const RelationNewer = manifest.RelationNewer
const RelationOlder = manifest.RelationOlder
const RelationSame = manifest.RelationSame
const RelationUnknown = manifest.RelationUnknown
const chunkSize = manifest.ChunkBytes
const classOther = manifest.KeyOther
const classRecord = manifest.KeyRecord
const classUnknown = manifest.KeyUnknown
const projectPrefix = manifest.ProjectPrefix

var ErrChanged = manifest.ErrChanged
var errDamaged = manifest.ErrDamaged

func DecodeStored(b []byte) (*Manifest, error)              { return manifest.DecodeStored(b) }
func EncodePathname(pathname string) string                 { return manifest.EncodePathname(pathname) }
func EncodeServed(m *Manifest) ([]byte, error)              { return manifest.EncodeServed(m) }
func EncodeStored(m *Manifest) ([]byte, error)              { return manifest.EncodeStored(m) }
func FolderID(l *Listing) string                            { return manifest.FolderID(l) }
func FormatPulled(pulled map[string]Nonce) []byte           { return manifest.FormatPulled(pulled) }
func HashOf(b []byte) Hash                                  { return manifest.HashOf(b) }
func MatchPattern(from string) *regexp.Regexp               { return manifest.MatchPattern(from) }
func NewHasher(size int64) *Hasher                          { return manifest.NewHasher(size) }
func ParseHash(s string) (Hash, error)                      { return manifest.ParseHash(s) }
func ParseNonce(s string) (Nonce, error)                    { return manifest.ParseNonce(s) }
func ParsePulled(text []byte) (map[string]Nonce, []Problem) { return manifest.ParsePulled(text) }
func ParseRef(s string) (Ref, error)                        { return manifest.ParseRef(s) }
func chunkCount(size int64) int                             { return manifest.ChunkCount(size) }
func count(n int, noun string) string                       { return phrase.Count(n, noun) }
func decodeIndex(b []byte, a Asset) (*chunkIndex, error)    { return manifest.DecodeChunkIndex(b, a) }
func deploymentID(n Nonce) string                           { return manifest.DeploymentID(n) }
func deploymentTime(id string) (time.Time, bool)            { return manifest.DeploymentTime(id) }
func indexBytes(chunks int) int                             { return manifest.ChunkIndexBytes(chunks) }
func marshalJSON(v any) ([]byte, error)                     { return manifest.EncodeJSON(v) }
func newIndex(size int64) *chunkIndex                       { return manifest.NewChunkIndex(size) }
func newNonce(now time.Time) Nonce                          { return manifest.NewNonce(now) }
