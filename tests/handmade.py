"""Torrents made by hand: small valid ones to be damaged, and the stupid correct answers.

Nothing here uses what it is there to test, ``torrent.core.metainfo``. The trees are built whole,
padding and all; the dictionaries are written out as BEP 3 and BEP 52 draw them.
"""

from __future__ import annotations

import hashlib
from random import Random
from typing import TYPE_CHECKING, Any

from dht.codec.bencode import encode

if TYPE_CHECKING:
    from collections.abc import Mapping

KIB = 1024
BLOCK = 16 * KIB
PIECE = 32 * KIB

Files = "Mapping[str, bytes]"
Dict = dict[bytes, Any]


def noise(size: int, seed: int = 1) -> bytes:
    """Bytes that are not all alike."""
    return Random(seed).randbytes(size)


def sha1(data: bytes) -> bytes:
    return hashlib.sha1(data).digest()


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def pieces_of(data: bytes, piece_length: int = PIECE) -> bytes:
    """BEP 3's ``pieces``."""
    return b"".join(sha1(data[at : at + piece_length]) for at in range(0, len(data), piece_length))


def whole_tree(leaves: list[bytes], width: int) -> list[list[bytes]]:
    """All layers of a tree, with every padding hash, lowest first."""
    layers = [leaves + [bytes(32)] * (width - len(leaves))]
    while len(layers[-1]) > 1:
        below = layers[-1]
        layers.append([sha256(below[i] + below[i + 1]) for i in range(0, len(below), 2)])
    return layers


def leaves_of(data: bytes) -> list[bytes]:
    return [sha256(data[at : at + BLOCK]) for at in range(0, len(data), BLOCK)]


def power(count: int) -> int:
    """The next power of two."""
    width = 1
    while width < count:
        width *= 2
    return width


def tree_of(data: bytes) -> list[list[bytes]]:
    """The whole tree of one file."""
    leaves = leaves_of(data)
    return whole_tree(leaves, power(len(leaves)))


def root_of(data: bytes) -> bytes:
    return tree_of(data)[-1][0]


def layer_of(data: bytes, piece_length: int = PIECE) -> bytes:
    """The piece layer of a file of several pieces."""
    layer = tree_of(data)[power(piece_length // BLOCK).bit_length() - 1]
    return b"".join(layer[: -(-len(data) // piece_length)])


def v2_file(data: bytes, **more: Any) -> Dict:
    """A leaf of the file tree, with its nameless key."""
    found: Dict = {b"length": len(data)}
    if data:
        found[b"pieces root"] = root_of(data)
    return {b"": found | {key.replace("_", " ").encode(): value for key, value in more.items()}}


def file_tree(files: Mapping[str, bytes]) -> Dict:
    top: Dict = {}
    for path, data in files.items():
        node = top
        *above, last = path.encode().split(b"/")
        for part in above:
            node = node.setdefault(part, {})
        node[last] = v2_file(data)
    return top


def layers_of(files: Mapping[str, bytes], piece_length: int = PIECE) -> Dict:
    """``piece layers``."""
    long = (data for data in files.values() if len(data) > piece_length)
    return {root_of(data): layer_of(data, piece_length) for data in long}


def single(data: bytes = b"x" * 100, name: Any = b"a.txt", **more: Any) -> Dict:
    """The info dictionary of one file, v1."""
    return {
        b"name": name,
        b"piece length": PIECE,
        b"length": len(data),
        b"pieces": pieces_of(data),
    } | keyed(more)


def several(files: Mapping[str, bytes], name: Any = b"top", **more: Any) -> Dict:
    """The info dictionary of several files, v1."""
    listed = [
        {b"length": len(data), b"path": [part.encode() for part in path.split("/")]}
        for path, data in files.items()
    ]
    return {
        b"name": name,
        b"piece length": PIECE,
        b"files": listed,
        b"pieces": pieces_of(b"".join(files.values())),
    } | keyed(more)


def v2(files: Mapping[str, bytes], name: Any = b"top", **more: Any) -> Dict:
    """The info dictionary of a v2 torrent."""
    return {
        b"name": name,
        b"piece length": PIECE,
        b"meta version": 2,
        b"file tree": file_tree(files),
    } | keyed(more)


def padded(files: Mapping[str, bytes], *, tail: bool = True) -> dict[str, bytes]:
    """Files with pads between them, as hybrids have them."""
    found: dict[str, bytes] = {}
    for number, (path, data) in enumerate(files.items()):
        found[path] = data
        gap = -len(data) % PIECE
        if gap and (tail or number + 1 < len(files)):
            found[f".pad/{gap}#{number}"] = bytes(gap)
    return found


def hybrid(
    files: Mapping[str, bytes], name: bytes = b"top", *, tail: bool = True, **more: Any
) -> Dict:
    """The info dictionary of a hybrid of several files."""
    info = several(padded(files, tail=tail), name)
    for entry in info[b"files"]:
        if entry[b"path"][0] == b".pad":
            entry[b"path"][1] = entry[b"path"][1].partition(b"#")[0]
            entry[b"attr"] = b"p"
    return info | v2(files, name) | keyed(more)


def keyed(more: Mapping[str, Any]) -> Dict:
    """Fields given as keywords: ``piece_length=5`` is ``piece length``."""
    return {key.replace("_", " ").encode(): value for key, value in more.items()}


def without(values: Dict, *keys: bytes) -> Dict:
    return {key: value for key, value in values.items() if key not in keys}


def torrent(info: Any, **more: Any) -> bytes:
    """A torrent file."""
    return encode({b"info": info} | keyed(more))


def v2_torrent(files: Mapping[str, bytes], **more: Any) -> bytes:
    """A complete v2 torrent file."""
    return torrent(v2(files, **more), piece_layers=layers_of(files))


def hybrid_torrent(files: Mapping[str, bytes], **more: Any) -> bytes:
    """A complete hybrid torrent file."""
    return torrent(hybrid(files, **more), piece_layers=layers_of(files))


# --- what the tables of good and bad torrents are made of -------------------------------------

SMALL, LARGE = noise(500), noise(100_000, 2)
FILES = {"large": LARGE, "small": SMALL}
LINK = {b"attr": b"l", b"length": 0, b"path": [b"link"]}


def files(*entries: object, **more: object) -> bytes:
    """A v1 torrent of one good file and some entries of no length."""
    good = {b"length": len(SMALL), b"path": [b"a", b"b", b"bar"]}
    info = several({}, **more) | {b"files": [good, *entries], b"pieces": pieces_of(SMALL)}
    return torrent(info)


def named(*path: bytes, length: int = 0) -> dict[bytes, object]:
    return {b"length": length, b"path": list(path)}


def linked(*target: bytes) -> dict[bytes, object]:
    return LINK | {b"symlink path": list(target)}


def tree(node: object, **more: object) -> bytes:
    """A v2 torrent with this file tree."""
    return torrent(v2({}, file_tree=node, **more))


def layered(layers: object) -> bytes:
    return torrent(v2(FILES), piece_layers=layers)


def deep(levels: int) -> dict[bytes, object]:
    """A file under so many directories."""
    node = v2_file(SMALL)
    for _ in range(levels):
        node = {b"d": node}
    return node


def changed(data: bytes, old: bytes, new: bytes) -> bytes:
    """Damage on the level of bytes; what is replaced must be there."""
    assert data.count(old) == 1, (old, data)
    return data.replace(old, new)
