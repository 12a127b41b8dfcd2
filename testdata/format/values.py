"""The values that kv-sync stores, by docs/format.md: see reader.py."""

import base64
import hashlib
import json
import re
import struct
import sys

MAX_VALUE = 25 << 20
MASK = 2**64 - 1
DEPLOYMENT = "[0-9]{8}-[0-9]{6}-[0-9a-f]{8}"
problems = []


class Bad(Exception):
    """A value is not what the page says."""


def require(condition, text):
    if not condition:
        raise Bad(text)


def attempt(where, read, *arguments):
    """What read returns. None, and a problem, if it fails."""
    try:
        return read(*arguments)
    except (Bad, LookupError, ValueError, TypeError, struct.error) as error:
        problems.append(f"{where}: {type(error).__name__}: {error}")


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Page:
    """The tables of members in docs/format.md."""

    def __init__(self, text):
        self.tables, self.seen = {}, set()
        for what, rows in re.findall(r"^[|] member of (.*?) [|].*\n[|]-.*\n((?:[|].*\n)+)", text, re.M):
            cells = "".join(row.split(" | ")[0] for row in rows.splitlines())
            self.tables[what.replace("`", "")] = re.findall(r"`([\w-]+)([?]?)`", cells)

    def object(self, what, value):
        """The object, whose members are those of the table of that name."""
        table = dict(self.tables[what])
        for member in value.keys() - table.keys():
            problems.append(f"{what} has a member `{member}`, of which the page does not know")
        for member in (name for name, optional in table.items() if not optional and name not in value):
            problems.append(f"{what} lacks `{member}`, which the page does not call optional")
        self.seen |= {(what, member) for member in value}
        return value

    def objects(self, what, values):
        return [self.object(what, value) for value in values]

    def unseen(self):
        members = [(what, member) for what, table in self.tables.items() for member, _ in table]
        return [f"{what}: {member}" for what, member in members if (what, member) not in self.seen]


page = Page(open(sys.argv[1], encoding="utf-8").read())


def read_json(what, data, newest=1):
    value = page.object(what, json.loads(data))
    require(1 <= value["format"] <= newest, f"format {value['format']}")
    return value


def pathname(path):
    """The path, which has the form of the page."""
    require(re.fullmatch("/|(/[^/]+)+", path), f"the path {path!r}")
    return path


class Bytes:
    """The bytes of a value, read from front to back."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        require(self.at + size <= len(self.data), "cut short")
        self.at += size
        return self.data[self.at - size : self.at]

    def unpack(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))

    def uint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def int(self):
        value = self.uint()
        return value >> 1 ^ -(value & 1)

    def string(self):
        return self.take(self.uint())

    def list(self, item):
        return [item() for _ in range(self.uint())]

    def paths(self):
        """A function that reads the next path of one list."""
        before = b""

        def path():
            nonlocal before
            shared = self.uint()
            require(shared <= len(before), "a path shares more than there is")
            before = before[:shared] + self.string()
            return pathname(before.decode())

        return path

    def end(self):
        require(self.at == len(self.data), "longer than it says")


def rules(value):
    """The redirects and header rules of a head or of meta."""
    page.objects("a redirect", value.get("redirects", []))
    page.objects("a header rule", value.get("headers", []))
    return value


def read_head(text):
    head = rules(page.object("the head", json.loads(text)))
    page.object("origin", head["origin"])
    page.object("routing", head.get("routing", {}))
    page.object("serving", head["serving"])
    return head


def stored_manifest(data):
    read = Bytes(data)
    require(read.take(4) == b"KVSS", "not a stored manifest")
    version, flags = read.unpack("<HH")
    require(version == 1 and flags < 2, f"version {version}, flags {flags}")
    head = read_head(read.string())
    nonces = read.list(lambda: read.take(8).hex())
    id_size = read.uint()
    modified = 0

    def asset(path):
        nonlocal modified
        found = {"path": path(), "hash": read.take(32).hex()}
        found["nonce"] = nonces[read.uint()]
        found["size"] = read.uint()
        found["type"] = head["types"][read.uint()]
        modified += read.int()
        found["modified"] = modified
        return found

    def owned(path):
        return asset(path) | {"object": read.take(id_size).hex()}

    def retired(path):
        return asset(path) | {"until": read.int(), "left": read.uint()}

    path = read.paths()
    assets = read.list(lambda: owned(path))
    path = read.paths()
    directories = read.list(lambda: {"path": path(), "object": read.take(id_size).hex()})
    path = read.paths()
    gone = read.list(lambda: retired(path))
    read.end()
    names = [a["path"].encode() for a in assets]
    require(names == sorted(set(names)), "assets out of order")
    chunked = any(a["size"] > MAX_VALUE for a in assets + gone)
    require(chunked == bool(flags & 1), "flag and sizes disagree")
    return {"head": head, "assets": assets, "directories": directories, "retired": gone}


def served_manifest(data, overlay=False):
    require(data[:4] == b"KVSM", "not a served manifest")
    version, flags, n, m, entries, nonces, meta, meta_size, size = struct.unpack("<HH7I", data[4:36])
    require(version == 1 and flags == overlay, f"version {version}, flags {flags}")
    ends = (64, entries + 64 * n, nonces + 8 * m, meta + meta_size)
    require((entries, nonces, meta, size) == ends and size == len(data) and not any(data[36:64]), "sections")
    meta = rules(page.object("the overlay's meta" if overlay else "meta", json.loads(data[meta : meta + meta_size])))
    found = {}
    for at in range(entries, entries + 64 * n, 64):
        path, content, nonce, length, modified, kind, bits = struct.unpack("<16s32s3I2H", data[at : at + 64])
        require(nonce < m and not bits & ~(9 if overlay else 5), f"nonce {nonce} or flags {bits}")
        found[path.hex()] = {
            "hash": content.hex(),
            "nonce": data[nonces + 8 * nonce :][:8].hex(),
            "size": length,
            "modified": modified,
            "type": None if bits & 8 else meta["types"][kind],
            "flags": bits,
        }
    require(list(found) == sorted(found) and len(found) == n, "entries out of order")
    return meta, found


KINDS = {"files": 1, "directories": 2, "retired": 3}
TAILS = {1: "<8sI", 2: "", 3: "<8sIII"}
GONE = 8


def path_order(path):
    """The key by which the paths of parts are sorted."""
    directory, _, name = path.rpartition("/")
    return directory.encode(), name.encode()


def in_order(paths):
    keys = [path_order(path) for path in paths]
    require(keys == sorted(keys) and len(keys) == len(set(keys)), "paths out of order")


def part(data, kind):
    """The hash of a part, or of a difference, and its entries."""
    require(data[:4] == b"KVSP", "not a part")
    version, its_kind, flags, n, id_size, types_size, size, zero = struct.unpack("<HBBIIIIQ", data[4:32])
    require(version == 1 and its_kind == kind and flags < 2 and zero == 0, f"version {version}, kind {its_kind}")
    require(size == len(data) and id_size in (0, 20, 32), "length of the part, or of its object ids")
    require(sha256(data[:-32]) == data[-32:].hex(), "the check of the part")
    read, tail = Bytes(data[32:-32]), struct.calcsize(TAILS[kind])
    ends = read.unpack(f"<{n}I")
    records = [read.take(2 if kind == KINDS["directories"] else 40) for _ in range(n)]
    ids = [read.take(id_size) for _ in range(n)]
    paths, types = read.take(ends[-1] if n else 0), read.take(types_size)
    tails = [read.take(tail) for _ in range(n)]
    read.end()
    types = json.loads(types) if kind != KINDS["directories"] else require(not types, "types of directories")
    entries, start = [], 0
    for end, record, id, rest in zip(ends, records, ids, tails):
        require(start <= end, "a path ends before it begins")
        found, (bits,) = {"path": pathname(paths[start:end].decode())}, struct.unpack("<H", record[-2:])
        start = end
        require(bits in (0, 1, GONE), f"flags {bits}")
        if bits == GONE:
            require(not any(record[:-2] + id + rest), "content of an entry that is gone")
            entries.append(found | {"gone": True})
            continue
        found["object"] = id.hex() if any(id) else ""
        if kind != KINDS["directories"]:
            content, found["size"], at = struct.unpack("<32sIH", record[:-2])
            nonce, *times = struct.unpack(TAILS[kind], rest)
            found |= {"hash": content.hex(), "nonce": nonce.hex(), "type": types[at]}
            found |= dict(zip(("modified", "until", "last"), times))
            require((found["size"] > MAX_VALUE) == (bits == 1), "flag and size disagree")
        entries.append(found)
    require(flags == any(entry.get("size", 0) > MAX_VALUE for entry in entries), "flags of the part")
    in_order([entry["path"] for entry in entries])
    return sha256(data[: len(data) - 32 - n * tail]), entries


def root(data, value):
    """A manifest in parts, in the form of a stored one. value reads the part of a name."""
    require(data[:4] == b"KVSR", "not a root")
    version, flags, meta_size, size = struct.unpack("<HHII", data[4:16])
    require(version == 1 and flags == 0 and size == len(data), f"version {version}, flags {flags}, {size} bytes")
    read, lists = Bytes(data[64:]), {}
    for (what, kind), at in zip(KINDS.items(), (16, 32, 48)):
        links, paths_size, difference_size, count = struct.unpack("<4I", data[at : at + 16])
        links = [read.unpack("<II32s8s") for _ in range(links)]
        paths, start, entries = read.take(paths_size), 0, {}
        difference = read.take(difference_size)
        for end, n, content, nonce in links:
            first, start = paths[start:end].decode(), end
            its_hash, below = part(value(f"{content.hex()}.{nonce.hex()}"), kind)
            require(its_hash == content.hex() and len(below) == n, "the part of another link")
            require(n and below[0]["path"] == first, "the first path of a part")
            require(not any("gone" in entry for entry in below), "an entry of a part that is gone")
            entries.update((entry["path"], entry) for entry in below)
        require(start == paths_size, "first paths")
        in_order(entries)
        for entry in part(difference, kind)[1] if difference else []:
            entries[entry["path"]] = entry
        found = [entry for entry in entries.values() if "gone" not in entry]
        require(len(found) == count, f"{len(found)} entries, not {count}")
        lists[what] = sorted(found, key=lambda entry: entry["path"].encode())
    require(read.at + meta_size == len(read.data), "sections")
    meta = rules(page.object("the root's meta", json.loads(read.take(meta_size))))
    page.object("origin", meta["origin"])
    page.object("routing", meta.get("routing", {}))
    known = {entry["path"] for entry in lists["directories"]}
    require(all((e["path"].rpartition("/")[0] or "/") in known for e in lists["files"]), "a directory is missing")
    for entry in lists["retired"]:
        entry["left"] = entry["last"] - meta["number"]
    trees = [entry for entry in lists["directories"] if entry["object"]]
    return {"head": meta, "assets": lists["files"], "directories": trees, "retired": lists["retired"]}


def chunk_index(data):
    read = Bytes(data)
    require(read.take(4) == b"KVSC", "not a chunk index")
    version, _, chunk, count, size = read.unpack("<HHIIQ")
    require(version == 1 and 0 < chunk <= MAX_VALUE, f"version {version}, chunk {chunk}")
    require(0 < count < 1000 and count == -(-size // chunk), "number of chunks")
    hashes = [read.take(32).hex() for _ in range(count)]
    nonces = [read.take(8).hex() for _ in range(count)]
    read.end()
    return {"hash": sha256(data[: 24 + 32 * count]), "size": size, "chunk": chunk,
            "keys": [f"{h}.{n}" for h, n in zip(hashes, nonces)]}


def path_hash(path):
    return hashlib.sha256(path.encode()).digest()[:16].hex()


def xxh64(data):
    """XXH64 with the seed 0, of which the keys of kv-assets have ten digits."""
    p1, p2, p3 = 11400714785074694791, 14029467366897019727, 1609587929392839161
    p4, p5 = 9650029242287828579, 2870177450012600261

    def turn(value, by):
        value &= MASK
        return (value << by | value >> 64 - by) & MASK

    def mix(value, lane):
        return turn(value + lane * p2, 31) * p1 & MASK

    bulk, h = len(data) // 32 * 32, p5
    if bulk:
        v = [p1 + p2, p2, 0, -p1]
        for lanes in struct.iter_unpack("<4Q", data[:bulk]):
            v = [mix(value, lane) for value, lane in zip(v, lanes)]
        h = turn(v[0], 1) + turn(v[1], 7) + turn(v[2], 12) + turn(v[3], 18)
        for value in v:
            h = ((h ^ mix(0, value)) * p1 + p4) & MASK
    h += len(data)
    rest = Bytes(data[bulk:])
    for _ in range(len(rest.data) // 8):
        h = turn(h ^ mix(0, rest.unpack("<Q")[0]), 27) * p1 + p4
    if len(rest.data) % 8 >= 4:
        h = turn(h ^ rest.unpack("<I")[0] * p1 & MASK, 23) * p2 + p3
    for byte in rest.data[rest.at :]:
        h = turn(h ^ byte * p5, 11) * p1
    for by, prime in (33, p2), (29, p3), (32, 1):
        h = ((h & MASK) ^ (h & MASK) >> by) * prime & MASK
    return h


def kv_assets_record(name, data):
    """The files of an index in the layout `kv-assets`, each with its hash."""
    read, files = Bytes(data), []
    (count,) = read.unpack("<Q")
    for _ in range(count):
        path, key = (read.take(*read.unpack("<Q")).decode() for _ in range(2))
        modified, size = read.unpack("<QQ")
        files.append({"path": path, "key": key, "modified": modified, "size": size})
    require(sha256(data[: read.at]) == name[:64], "the index does not hash to its key")
    for file in files:
        file["hash"] = read.take(32).hex()
    read.end()
    return files


def kv_assets_key(path, data):
    """The key of a file in that layout."""
    checksum = f"{xxh64(base64.b64encode(data)):x}"[:10]
    folder, slash, name = path.rpartition("/")
    stem, _, extension = name.rpartition(".")
    return folder + slash + (f"{stem}.{checksum}.{extension}" if stem else f"{name}.{checksum}")


MARKS = r"(?:kv-sync-over:(?P<over>\S+) ?)?(?:kv-sync-has:(?P<has>\S+) ?)?(?:kv-sync-commit:(?P<commit>\S+) ?)?(?:kv-sync-hold:(?P<hold>\S+) ?)?"
MESSAGES = [
    rf"Rollback to (?P<rollback>{DEPLOYMENT}) ?(?:\([0-9a-f]{{12}}\) )?(?:kv-sync-actor:(?P<actor>\S+) )?{MARKS}",
    r"kv-sync-again:(?P<again>\S+) (?:kv-sync-has:(?P<has>\S+) )?.*",
    rf"kv-sync (?P<deployment>{DEPLOYMENT})",
    rf"(?:[0-9a-f]{{12}} .*?)?{MARKS}\(kv-sync (?P<deployment>{DEPLOYMENT})\)",
]


def message(text):
    """What an activation's message says; None for another tool's."""
    found = next((m for form in MESSAGES if (m := re.fullmatch(form, text))), None)
    return found and {k: v for k, v in found.groupdict().items() if v is not None}
