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
