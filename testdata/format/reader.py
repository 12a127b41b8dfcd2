"""Reads what kv-sync stores. It knows only what docs/format.md says.

    python3 reader.py docs/format.md < dump.json

The page is read too: the members of each JSON object are those of its tables.
Of the dump, `keys` has the values of KV by key, in base64, `metadata` the keys
that have some, `live` the live Worker version of each site (its binding KV_SYNC
as `meta`, the message of its activation as `message`, and its module
kv-sync-manifest.bin as `served`, in base64), and `bindings` the KV_SYNC of all
versions.

The output has each site and project in `sites`; in `problems` all that is not
as the page says; and in `unseen` the members of its tables that no object had.
"""

import base64
import json
import re
import sys

from values import (
    DEPLOYMENT, KINDS, MAX_VALUE, attempt, chunk_index, kv_assets_key, kv_assets_record, message, page, part, path_hash,
    pathname, problems, read_json, require, root, served_manifest, sha256, stored_manifest,
)

ID = "[a-z0-9][a-z0-9_-]{0,62}"
REF = "[0-9a-f]{64}[.][0-9a-f]{16}"



class Site:
    """The keys of one site, or of one incarnation of a project."""

    def __init__(self, id, keys):
        self.id = id
        self.keys = {k[len(id) + 1 :]: v for k, v in keys.items() if k.startswith(id + "/")}
        self.manifests = {}

    def names(self, letter, form):
        """The keys of a kind, without its letter."""
        found = [k[len(letter) + 1 :] for k in self.keys if k.startswith(letter + "/")]
        for name in found:
            require(re.fullmatch(form, name), f"the key {letter}/{name}")
        return found

    def value(self, key):
        require(key in self.keys, f"{self.id}/{key} is not there")
        return self.keys[key]

    def blob(self, key):
        """A value that hashes to its key."""
        data = self.value(key)
        require(sha256(data) == key.split("/")[-1][:64], f"{self.id}/{key} does not hash to its key")
        return data

    def content(self, asset, below="b/"):
        """Reads an asset's bytes and checks them."""
        key = below + f"{asset['hash']}.{asset['nonce']}"
        if asset["size"] <= MAX_VALUE:
            return require(len(self.blob(key)) == asset["size"], f"size of {key}")
        index = chunk_index(self.value(key))
        require((index["hash"], index["size"]) == (asset["hash"], asset["size"]), f"index {key}")
        sizes = [len(self.blob(below + chunk)) for chunk in index["keys"]]
        require({*sizes[:-1]} <= {index["chunk"]} and sum(sizes) == asset["size"], f"chunks of {key}")

    def named(self, name):
        """Checks a blob of which nothing says whether it is a chunk index."""
        data = self.value("b/" + name)
        require(sha256(data) == name[:64] or chunk_index(data)["hash"] == name[:64], "it does not hash to its key")

    def manifest(self, name):
        """A stored manifest, or one in parts, with the bytes of its assets checked."""
        if name not in self.manifests:
            if name.startswith("t/"):
                found = root(self.blob(name), lambda part: self.value("p/" + part))
            else:
                found = stored_manifest(self.blob("m/" + name))
            require(found["head"]["site"] == self.id, "manifest of another site")
            for asset in found["assets"]:
                attempt(f"{self.id} {asset['path']}", self.content, asset)
            self.manifests[name] = found
        return self.manifests[name]

    def part(self, name):
        """A part, which hashes to its key."""
        data = self.value("p/" + name)
        require(data[6] in KINDS.values() and part(data, data[6])[0] == name[:64], "it does not hash to its key")

    def record(self, what, key):
        """A record of this site, whose deployment is in its key."""
        found = read_json(what, self.value(key))
        require(found["site"] == self.id, f"{key} is of another site")
        require(found["deployment"] == key[2:].split(".")[0], f"{key} is of another deployment")
        return found

    def deployment(self, id):
        record = self.record("a record", "d/" + id)
        page.object("repository", record.get("repository", {}))
        page.object("forgot", record.get("forgot", {}))
        page.objects("past", record.get("past", []))
        if record["manifest"]:
            require(len(self.manifest(record["manifest"])["assets"]) == record["files"], "files")
        return record

    def hold(self, name):
        record = self.record("a hold record", "h/" + name)
        page.objects("held", record.get("held", []))
        return record

    def receipt(self, commit):
        line, rest = self.value("r/" + commit).split(b"\n", 1)
        found = read_json("a receipt", line)
        require((found["site"], found["commit"]) == (self.id, commit), "another receipt")
        require(found["manifest"] == sha256(rest), "the receipt's manifest")
        found["assets"] = stored_manifest(rest)["assets"]
        for asset in found["assets"]:
            attempt(f"{self.id}/r/{commit} {asset['path']}", self.content, asset)
        return found

    def live(self, version):
        """What the live version says, and whether what it serves is its manifest."""
        meta = page.object("KV_SYNC", version["meta"])
        in_parts = meta["manifest"].startswith("t/")
        require(meta["format"] == 1 + in_parts and meta["site"] == self.id, "KV_SYNC of another site or format")
        page.object("repository", meta.get("repository", {}))
        page.object("overlay", meta.get("overlay", {}))
        if in_parts:
            self.manifest(meta["manifest"])
            require(self.blob(meta["manifest"]) == version["served"], "the module is not the root")
        elif meta["manifest"]:
            self.serves(self.manifest(meta["manifest"]), *served_manifest(version["served"]))
        if "next" in meta:
            now, after = self.manifest(meta["manifest"]), self.manifest(meta["next"])
            require(all(now[k] == after[k] for k in ("assets", "directories")), "the next root has other files")
        return {"meta": meta, "message": message(version["message"])}

    def serves(self, stored, meta, served):
        """Compares the two encodings of one manifest."""
        head, want = stored["head"], {}
        for asset in stored["assets"] + stored["retired"]:
            flags = (asset["size"] > MAX_VALUE) + 4 * ("until" in asset)
            want[path_hash(asset["path"])] = {k: asset[k] for k in ("hash", "nonce", "size", "type")} | {
                "flags": flags, "modified": max(asset["modified"], 0)}
        require(served == want, "the served manifest has other assets")
        also = {k: head[k] for k in ("site", "redirects", "headers", "adopted") if k in head} | head["serving"]
        require(meta == also | {"types": meta["types"]}, "the served manifest has other rules")

    def overlay(self):
        record = read_json("the overlay record", self.value("o/record"))
        meta, served = served_manifest(self.value("o/current"), overlay=True)
        require((record["site"], meta["site"]) == (self.id, self.id + "/o"), "overlay of another site")
        entries = page.objects("an entry", record["entries"])
        paths = [pathname(entry["path"]).encode() for entry in entries]
        require(paths == sorted(set(paths)), "entries out of order")
        for entry in entries:
            attempt(f"{self.id}/o {entry['path']}", self.edit, entry, served)
        return record

    def edit(self, entry, served):
        """One write at run time, which the overlay manifest has too."""
        if "hash" in entry:
            self.content(entry, "o/b/")
            require(entry.get("chunked", False) == (entry["size"] > MAX_VALUE), "chunked")
        if entry["path"].endswith(("/_redirects", "/_headers")):
            return
        found = served[path_hash(entry["path"])]
        require(all(found[k] == entry.get(k) for k in ("nonce", "type")), "another nonce or type")
        require(found["hash"] == entry.get("hash", "0" * 64), "another content")
        require(found["flags"] == (8 if "hash" not in entry else "chunked" in entry), "flags")

    def read(self, version):
        """All of the site."""
        found = {"id": self.id, "live": version and attempt(f"{self.id} live", self.live, version)}
        kinds = {"deployments": ("d", DEPLOYMENT, self.deployment), "receipts": ("r", "[0-9a-f]{40,64}", self.receipt),
                 "holds": ("h", f"{DEPLOYMENT}[.][0-9a-f]{{16}}", self.hold), "unnamed": ("m", REF, self.manifest), "roots": ("t", REF, lambda name: self.manifest("t/" + name)),
                 "parts": ("p", REF, self.part)}
        for member, (letter, form, read) in kinds.items():
            names = attempt(self.id, self.names, letter, form) or []
            found[member] = {name: attempt(f"{self.id}/{letter}/{name}", read, name) for name in names}
        for member in ("unnamed", "roots", "parts"):
            del found[member]
        found["manifests"] = self.manifests
        for name in attempt(self.id, self.names, "b", REF) or []:
            attempt(f"{self.id}/b/{name}", self.named, name)
        if "o/record" in self.keys:
            found["overlay"] = attempt(f"{self.id} overlay", self.overlay)
        for key in self.keys:
            if not re.match("[bdhmoprt]/", key):
                problems.append(f"{self.id}/{key} belongs to a newer kv-sync")
        return found


class Project(Site):
    """A project, by its key `current`."""

    def __init__(self, id, keys):
        self.project = id
        self.text = keys[f"project/{id}/current"]
        self.current = read_json("current", self.text, newest=2)
        incarnation = self.current.get("incarnation")
        require((self.current["format"] == 2) == (incarnation is not None), "format and incarnation")
        super().__init__(f"project/{id}" + (f"@{incarnation}" if incarnation else ""), keys)
        self.keys.pop("current", None)

    def version(self, id):
        version = read_json("a version", self.blob("b/" + id))
        require(version["project"] == self.project, "version of another project")
        page.objects("a module", version.get("modules", {}).values())
        code = {k: version[k] for k in version if k in CODE}
        text = json.dumps([version["served"], code or None], ensure_ascii=False, separators=(",", ":"))
        require(version["loader"] == f"{self.project}:{sha256(text.encode())[:32]}", "loader")
        return version

    def read(self, _):
        if "deleted" in self.current:
            return {"deleted": self.current["deleted"]}
        activations = page.objects("an activation", self.current["activations"])
        for activation in activations[1:]:
            attempt(f"{self.id} {activation['version']}", self.version, activation["version"])
        for activation in activations:
            require(message(activation["message"]), f"the message {activation['message']!r}")
        version = self.version(activations[0]["version"])
        require(self.blob("b/" + activations[0]["version"]) in self.text, "`current` has another version")
        live = {"meta": version["kv_sync"], "message": activations[0]["message"]}
        live["served"] = self.blob("b/" + version["served"])
        return super().read(live) | {"activations": activations}


CODE = ("main", "compatibility_date", "compatibility_flags", "modules", "env")


def read_pathname(id, keys):
    """A project in the layout `pathname`."""
    manifest = json.loads(keys[f"project/{id}/manifest"])
    unsettled = manifest.pop("kv-sync", {"unsettled": []})["unsettled"]
    assets = []
    for path, entry in manifest.items():
        page.object("a file's entry", entry)
        data = keys.get(f"project/{id}/assets{path}", b"")
        require(path in unsettled or sha256(data) == entry["etag"], f"{path} is not what its ETag says")
        assets.append({"path": path, "hash": entry["etag"], "type": entry.get("contentType")})
    return {"assets": assets, "unsettled": unsettled}


class KVAssets(Site):
    """A site in the layout `kv-assets`, whose files lie at the top of the namespace."""

    def __init__(self, id, keys):
        super().__init__(f".kv-sync/{id}", keys)
        self.id, self.all = id, keys

    def index(self, name):
        files = kv_assets_record(name, self.value("index/" + name))
        for file in files:
            data = self.all[file["key"]]
            require((len(data), sha256(data)) == (file["size"], file["hash"]), f"{file['key']} has other bytes")
            require(file["key"] == kv_assets_key(file["path"], data), f"{file['key']} is another key")
        return files

    def read(self, version):
        found = {"indexes": {n: attempt(f"{self.id} {n}", self.index, n) for n in self.names("index", REF)}}
        for key in [k for k in self.keys if k.split("/")[0] in ("index", "upload")]:
            del self.keys[key]
        return super().read(version) | found


def main():
    dump = json.load(sys.stdin)
    keys = {k: base64.b64decode(v) for k, v in dump["keys"].items()}
    problems.extend(f"{key} has metadata" for key in dump["metadata"])
    for version in dump["live"].values():
        version["served"] = base64.b64decode(version["served"] or b"")
    found = {}
    forms = [
        (rf"project/({ID})/current", lambda id: Project(id, keys).read(None)),
        (rf"project/({ID})/manifest", lambda id: read_pathname(id, keys)),
        (rf"[.]kv-sync/({ID})/.*", lambda id: KVAssets(id, keys).read(dump["live"].get(id))),
        (rf"(?!project/)({ID})/[bmdhropt]/.*", lambda id: Site(id, keys).read(dump["live"].get(id))),
    ]
    for key in keys:
        for form, read in forms:
            match = re.fullmatch(form, key)
            name = match and ("project/" if key.startswith("project/") else "") + match[1]
            if name and name not in found:
                found[name] = attempt(name, read, match[1])
    for meta in dump["bindings"]:
        page.object("a companion's KV_SYNC" if "companion" in meta else "KV_SYNC", meta)
    json.dump({"sites": found, "problems": problems, "unseen": page.unseen()}, sys.stdout)


main()
