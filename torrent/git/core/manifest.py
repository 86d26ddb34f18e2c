"""The manifest: all refs of a repository, and the packs that hold what they lead to.

A name's record has room for an infohash, and a repository may have thousands of refs. So the
record leads to a small torrent with one file, the manifest, which says:

* the refs, the branch that HEAD stands for, and the object format;
* the **generations**: packs, oldest first, that together hold everything reachable from the refs;
* optionally an origin, a git URL of the publisher's own, for when nobody else is there.

**Each generation is a torrent of its own** (BEP 52, one file), and the manifest has all that its
infohash is made of: the root of the file's hash tree and its length; the rest follows from these
(:attr:`Generation.info`). So a pack that stays when the repository moves on stays the *same*
torrent: whoever has it seeds it to cloners of every later version, and to those of a fork that
begins with it. Files of one torrent per version would split that swarm at each push; and a new
version needs no metadata exchange beyond the manifest's own.

**Who signed it?** The name's record did: it signs the infohash, that is a hash of the root of the
manifest, and every oid and root in it is a hash again. A second signature could only contradict the
first. What is fetched of git is believed because a ref that was signed leads to it.

**A generation** is described by what the receiver needs to bound and to place it: bytes, objects,
the commits it is based on (``prerequisites``, as in a git bundle: who has them needs no older
generation to understand this one), and its tips, from which bundles are made.

Bencoded, canonical, deterministic: the same repository in the same state is the same manifest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from dht.codec.bencode import encode
from torrent.core.metainfo import Info, piece_length_for, read_info
from torrent.core.metainfo.bencoding import decode as decode_dictionary
from torrent.core.metainfo.urls import is_web_seed
from torrent.errors import MetainfoError
from torrent.git.core import refs
from torrent.git.core.packs import LEAST_ENTRY, overhead
from torrent.git.errors import ManifestError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_SIZE: Final = 16 << 20
"""Bytes: 200,000 refs with names of 50 bytes take 15 MB."""
MAX_GENERATIONS: Final = 64
"""Those that were merged at least double: 2^64 objects would not fill them. It leaves room for a
publisher that cannot merge for a while."""
MAX_PACK: Final = 1 << 40
"""Bytes of all packs together: more than any repository has, and what arithmetic is safe with."""
MAX_EDGES: Final = 200_000
"""Prerequisites and tips of all generations together; each is at most a ref, now or before."""

_ROOT_SIZE: Final = 32
_FORMAT_VERSION: Final = 1
_INFOHASH: Final = 20


@dataclass(frozen=True, slots=True)
class Generation:
    """One pack, forever the same.

    Attributes:
        root: The root of the hash tree over its bytes (BEP 52).
        length: Bytes.
        objects: How many it holds.
        prerequisites: Commits that it is based on: who has all they lead to can use it.
        tips: What in it refs led to, when it was made.
    """

    root: bytes
    length: int
    objects: int
    prerequisites: tuple[bytes, ...] = ()
    tips: tuple[bytes, ...] = ()

    @property
    def file(self) -> str:
        """What its file is called, in its torrent and on disk."""
        return f"{self.root.hex()}.pack"

    @property
    def info(self) -> Info:
        """Its torrent: nothing but root and length goes into it."""
        name = self.file.encode()
        leaf = {b"length": self.length, b"pieces root": self.root}
        return read_info(
            encode(
                {
                    b"file tree": {name: {b"": leaf}},
                    b"meta version": 2,
                    b"name": name,
                    b"piece length": piece_length_for(self.length),
                }
            )
        )

    @property
    def infohash(self) -> bytes:
        """The torrent's name on the wire: 20 bytes."""
        return self.info.infohashes[0]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A repository at one moment.

    Attributes:
        object_format: ``sha1`` or ``sha256``.
        refs: Object ids by the full names of refs; ``HEAD`` among them if it stands for no branch.
        head: The branch that HEAD stands for; empty if it stands for none.
        generations: Packs, oldest first.
        previous: The infohash of the manifest before; empty if it is the first.
        origin: A git URL where the publisher has it, too; empty if there is none.
        waste: Objects in the generations that no ref leads to any more, as far as is known.
    """

    object_format: str = "sha1"
    refs: Mapping[bytes, bytes] = field(default_factory=dict)
    head: bytes = b""
    generations: tuple[Generation, ...] = ()
    previous: bytes = b""
    origin: str = ""
    waste: int = 0

    @property
    def oid_size(self) -> int:
        """Bytes of an object id."""
        return refs.OID_SIZES[self.object_format]

    @property
    def tips(self) -> frozenset[bytes]:
        """All that refs lead to."""
        return frozenset(self.refs.values())

    @property
    def size(self) -> int:
        """Bytes of all packs."""
        return sum(each.length for each in self.generations)

    def encode(self) -> bytes:
        """Write it; :func:`decode` reads the same again."""
        fields: dict[bytes, Any] = {
            b"generations": [_generation(each) for each in self.generations],
            b"head": self.head,
            b"object format": self.object_format,
            b"origin": self.origin,
            b"previous": self.previous,
            b"refs": dict(self.refs),
            b"version": _FORMAT_VERSION,
            b"waste": self.waste,
        }
        return encode({key: value for key, value in fields.items() if value or key == b"refs"})


def _generation(each: Generation) -> dict[bytes, Any]:
    return {
        b"length": each.length,
        b"objects": each.objects,
        b"prerequisites": b"".join(each.prerequisites),
        b"root": each.root,
        b"tips": b"".join(each.tips),
    }


def decode(data: bytes) -> Manifest:
    """Read a manifest that a stranger wrote.

    Raises:
        ManifestError: It is none, breaks a rule, or exceeds a bound.
    """
    if len(data) > MAX_SIZE:
        raise ManifestError("size", f"more than {MAX_SIZE} bytes")
    try:
        fields, _ = decode_dictionary(data, "it")
    except MetainfoError as error:
        raise ManifestError("bencode", error.fault) from error
    version = _number(fields, b"version", "version")
    if version != _FORMAT_VERSION:
        raise ManifestError("version", f"{version}; this program reads {_FORMAT_VERSION}")
    object_format = _text(fields, b"object format")
    if object_format not in refs.OID_SIZES:
        raise ManifestError("object format", f"{object_format!r} is none that git has")
    found = Manifest(
        object_format,
        _refs(fields, refs.OID_SIZES[object_format]),
        _head(fields),
        _generations(fields, object_format),
        _previous(fields),
        _origin(fields),
        _number(fields, b"waste", "waste"),
    )
    if found.head and refs.HEAD in found.refs:
        raise ManifestError("head", "HEAD is a branch and a commit at once")
    if found.refs and not found.generations:
        raise ManifestError("generations", "there are refs, and no pack that could hold them")
    return found


def _refs(fields: Mapping[bytes, Any], size: int) -> dict[bytes, bytes]:
    found = fields.get(b"refs", {})
    if not isinstance(found, dict):
        raise ManifestError("refs", "not a dictionary")
    refs.check(found, "refs")
    for name, oid in found.items():
        if not isinstance(oid, bytes) or len(oid) != size or not any(oid):
            raise ManifestError(f"refs.{refs.shown(name)}", f"not an object id of {size} bytes")
    return found


def _head(fields: Mapping[bytes, Any]) -> bytes:
    head = _bytes(fields, b"head", "head")
    if head:
        refs.check([head], "head")
        if not head.startswith(refs.HEADS):
            raise ManifestError("head", f"{refs.shown(head)} is no branch")
    return head


def _previous(fields: Mapping[bytes, Any]) -> bytes:
    previous = _bytes(fields, b"previous", "previous")
    if len(previous) not in (0, _INFOHASH):
        raise ManifestError("previous", f"{len(previous)} bytes are no infohash")
    return previous


def _origin(fields: Mapping[bytes, Any]) -> str:
    """What git is told to fetch from: nothing but http(s), or it could be told to run programs."""
    origin = _text(fields, b"origin")
    if origin and not is_web_seed(origin):
        raise ManifestError("origin", "not an http(s) URL")
    return origin


def _generations(fields: Mapping[bytes, Any], object_format: str) -> tuple[Generation, ...]:
    listed = fields.get(b"generations", [])
    if not isinstance(listed, list):
        raise ManifestError("generations", "not a list")
    if len(listed) > MAX_GENERATIONS:
        raise ManifestError("generations", f"{len(listed)}; {MAX_GENERATIONS} are allowed")
    found = tuple(_one(each, n, object_format) for n, each in enumerate(listed))
    if sum(each.length for each in found) > MAX_PACK:
        raise ManifestError("generations", f"more than {MAX_PACK} bytes in all")
    if sum(len(each.prerequisites) + len(each.tips) for each in found) > MAX_EDGES:
        raise ManifestError("generations", f"more than {MAX_EDGES} prerequisites and tips")
    if len({each.root for each in found}) != len(found):
        raise ManifestError("generations", "one is there twice")
    return found


def _one(entry: object, number: int, object_format: str) -> Generation:
    where = f"generations[{number}]"
    if not isinstance(entry, dict):
        raise ManifestError(where, "not a dictionary")
    root = _bytes(entry, b"root", f"{where}.root")
    if len(root) != _ROOT_SIZE:
        raise ManifestError(f"{where}.root", f"{len(root)} bytes; a root has {_ROOT_SIZE}")
    size = refs.OID_SIZES[object_format]
    length = _number(entry, b"length", f"{where}.length")
    objects = _number(entry, b"objects", f"{where}.objects")
    # What is allocated for objects is thereby bounded by what has to be downloaded first.
    if not 0 < objects * LEAST_ENTRY <= length - overhead(size) <= MAX_PACK:
        raise ManifestError(f"{where}.objects", f"{objects} cannot be in a pack of {length} bytes")
    return Generation(
        root,
        length,
        objects,
        _oids(entry, b"prerequisites", size, where),
        _oids(entry, b"tips", size, where),
    )


def _oids(entry: Mapping[bytes, Any], key: bytes, size: int, where: str) -> tuple[bytes, ...]:
    joined = _bytes(entry, key, f"{where}.{key.decode()}")
    if len(joined) % size:
        raise ManifestError(f"{where}.{key.decode()}", f"not a whole number of {size} bytes")
    return split(joined, size)


def split(joined: bytes, size: int) -> tuple[bytes, ...]:
    """Take object ids apart that lie one after the other."""
    return tuple(joined[at : at + size] for at in range(0, len(joined), size))


def _bytes(fields: Mapping[bytes, Any], key: bytes, where: str) -> bytes:
    found = fields.get(key, b"")
    if not isinstance(found, bytes):
        raise ManifestError(where, "not a string")
    return found


def _text(fields: Mapping[bytes, Any], key: bytes) -> str:
    return _bytes(fields, key, key.decode()).decode("utf-8", "replace")


def _number(fields: Mapping[bytes, Any], key: bytes, where: str) -> int:
    found = fields.get(key, 0)
    if not isinstance(found, int) or found < 0:
        raise ManifestError(where, "not a number from 0")
    return found
