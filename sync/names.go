// The names under which this package offers what its subpackages declare, until
// all callers use those packages themselves. Nothing else belongs into this file.
//
//nolint:revive // each name carries its comment where it is declared
package kvsync

import (
	"context"
	"encoding/json"
	"regexp"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/overlay"
	"github.com/kv-sync/kv-sync/sync/project"
	"github.com/kv-sync/kv-sync/sync/upload"
)

type Account = cloud.Account
type Activation = cloud.Activation
type Asset = manifest.Asset
type Binding = cloud.Binding
type Budget = upload.Budget
type Build = cloud.Build
type Case = finding.Case
type Dir = manifest.Dir
type Facts = finding.Facts
type File = manifest.File
type Finding = finding.Finding
type Hash = manifest.Hash
type Hasher = manifest.Hasher
type HeaderRule = manifest.HeaderRule
type KeyInfo = cloud.KeyInfo
type Listing = manifest.Listing
type Manifest = manifest.Manifest
type MetaOverlay = overlay.Meta
type Migration = cloud.Migration
type MigrationPlan = cloud.MigrationPlan
type Module = cloud.Module
type Nonce = manifest.Nonce
type Origin = manifest.Origin
type Overlay = overlay.Snapshot
type OverlayContent = overlay.Content
type OverlayEntry = overlay.Entry
type OverlayRecord = overlay.Record
type Problem = manifest.Problem
type Redirect = manifest.Redirect
type Ref = manifest.Ref
type RefusedError = manifest.RefusedError
type Relation = manifest.Relation
type Repository = manifest.Repository
type Retired = manifest.Retired
type Rights = overlay.Rights
type Routing = manifest.Routing
type Serving = manifest.Serving
type Share = cloud.Share
type Source = manifest.Source
type Store = cloud.Store
type Upload = cloud.Upload
type Version = cloud.Version
type Worker = cloud.Worker
type WorkerError = project.WorkerError
type Workers = cloud.Workers
type chunkIndex = manifest.ChunkIndex
type companionCode = overlay.CompanionCode
type companionMeta = overlay.CompanionMeta
type content = manifest.Content
type item = upload.Item
type keys = manifest.Keys
type overlayEdits = overlay.Edits
type projectConfig = project.Config
type projectWorkers = project.Workers
type uploadOptions = upload.Options
type uploadProgress = upload.Progress

const BindingBlobs = cloud.BindingBlobs
const BindingMeta = cloud.BindingMeta
const BindingOverlay = cloud.BindingOverlay
const EveryRequest = manifest.EveryRequest
const ListPageKeys = cloud.ListPageKeys
const MaxBulkPairs = cloud.MaxBulkPairs
const MaxFileBytes = manifest.MaxFileBytes
const MaxOverlaySite = overlay.MaxSite
const MaxValueBytes = manifest.MaxValueBytes
const ModuleManifest = cloud.ModuleManifest
const NoFiles = manifest.NoFiles
const OverlayProtocol = overlay.Protocol
const PulledName = manifest.PulledName
const RelationDiverged = manifest.RelationDiverged
const RelationNewer = manifest.RelationNewer
const RelationOlder = manifest.RelationOlder
const RelationSame = manifest.RelationSame
const RelationUnknown = manifest.RelationUnknown
const batchBytes = upload.BatchBytes
const classOther = manifest.KeyOther
const classRecord = manifest.KeyRecord
const classUnknown = manifest.KeyUnknown
const companionTag = overlay.Tag
const maxActivations = project.MaxActivations
const overlayClass = overlay.Class
const projectPrefix = manifest.ProjectPrefix
const resendRounds = cloud.ResendRounds

var ErrChanged = manifest.ErrChanged
var ErrNewer = manifest.ErrNewer
var ErrNotFound = cloud.ErrNotFound
var ErrNotSwitched = cloud.ErrNotSwitched
var ErrQuota = cloud.ErrQuota
var ErrRefused = cloud.ErrRefused
var ErrSecretChanged = cloud.ErrSecretChanged
var ErrUnknown = cloud.ErrUnknown
var ScriptSettings = cloud.ScriptSettings
var errDamaged = manifest.ErrDamaged
var errOverlayRecord = overlay.ErrRecord
var errOvertaken = cloud.ErrOvertaken

func CompanionName(site string) string                                { return overlay.CompanionName(site) }
func DecodeOverlay(site string, b []byte) (*OverlayRecord, error)     { return overlay.Decode(site, b) }
func DecodeStored(b []byte) (*Manifest, error)                        { return manifest.DecodeStored(b) }
func EncodePathname(pathname string) string                           { return manifest.EncodePathname(pathname) }
func EncodeServed(m *Manifest) ([]byte, error)                        { return manifest.EncodeServed(m) }
func EncodeStored(m *Manifest) ([]byte, error)                        { return manifest.EncodeStored(m) }
func FolderID(l *Listing) string                                      { return manifest.FolderID(l) }
func FormatPulled(pulled map[string]Nonce) []byte                     { return manifest.FormatPulled(pulled) }
func HashOf(b []byte) Hash                                            { return manifest.HashOf(b) }
func MatchPattern(from string) *regexp.Regexp                         { return manifest.MatchPattern(from) }
func NewBudget() *Budget                                              { return upload.NewBudget() }
func NewHasher(size int64) *Hasher                                    { return manifest.NewHasher(size) }
func ParseHash(s string) (Hash, error)                                { return manifest.ParseHash(s) }
func ParseNonce(s string) (Nonce, error)                              { return manifest.ParseNonce(s) }
func ParsePulled(text []byte) (map[string]Nonce, []Problem)           { return manifest.ParsePulled(text) }
func ParseRef(s string) (Ref, error)                                  { return manifest.ParseRef(s) }
func checkProject(id string, w Worker) (notices []Problem, err error) { return project.Check(id, w) }
func decodeIndex(b []byte, a Asset) (*chunkIndex, error)              { return manifest.DecodeChunkIndex(b, a) }
func deploymentID(n Nonce) string                                     { return manifest.DeploymentID(n) }
func deploymentTime(id string) (time.Time, bool)                      { return manifest.DeploymentTime(id) }
func eachKey(ctx context.Context, s Store, prefix string, each func(KeyInfo) error) error {
	return cloud.EachKey(ctx, s, prefix, each)
}
func keyBytes(key string) int64                                { return upload.KeyBytes(key) }
func newItem(k keys, f File, n Nonce, live map[Hash]Ref) *item { return upload.NewItem(k, f, n, live) }
func newNonce(now time.Time) Nonce                             { return manifest.NewNonce(now) }
func newOverlayClass() *MigrationPlan                          { return overlay.NewClass() }
func newProjectWorkers(c projectConfig) *projectWorkers        { return project.New(c) }
func quote(s string) json.RawMessage                           { return cloud.JSONString(s) }
func readCompanion(ctx context.Context, script Workers) (is companionMeta, exists bool, err error) {
	return overlay.ReadCompanion(ctx, script)
}
func readOverlay(ctx context.Context, s Store, site string) (*Overlay, error) {
	return overlay.Read(ctx, s, site)
}
func runUpload(ctx context.Context, s Store, items []*item, o uploadOptions) error {
	return upload.Run(ctx, s, items, o)
}
func value(name, key string, b []byte) *item { return upload.Value(name, key, b) }
