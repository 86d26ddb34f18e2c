"""Reading torrents and the metadata of magnet links: everything is checked here, and only here.

What is refused and what is accepted follows libtorrent 2.1: its test torrents are the best list
there is of how torrents go wrong, and a file that one client opens and another does not helps
nobody. In particular:

* Sizes are checked before anything is built from them (piece length, pieces, files, total).
* A v2 ``info`` must be canonical bencode. BEP 52 keeps one dictionary for both halves of a hybrid;
  two readings of it would be two torrents.
* Both file lists of a hybrid must describe the same bytes: names, sizes and places of all files
  that have content. The v2 tree is the one that counts; pads are put where it needs them.
* Piece layers may be missing, as they are when all began with a magnet link. Those that are there
  must lead to their roots.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from dht.codec.bencode import is_canonical
from torrent.core.metainfo import entries, links, paths
from torrent.core.metainfo.bencoding import MAX_SIZE, decode
from torrent.core.metainfo.entries import MAX_TOTAL, Entry
from torrent.core.metainfo.fields import Fields
from torrent.core.metainfo.info import SHA1, Info
from torrent.core.metainfo.layout import File, Version
from torrent.core.metainfo.merkle import BLOCK
from torrent.core.metainfo.paths import SafePath
from torrent.core.metainfo.urls import encoded_path, is_tracker, is_web_seed
from torrent.errors import MetainfoError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_METADATA: Final = 32 * 2**20
"""Bytes of an info dictionary from peers: more than a file may have, since the limit there is on
what somebody opens, and here on what is worth fetching (libtorrent's ``max_metadata_size``, 30 MB).
"""

MAX_PIECES: Final = 0x200000
"""Pieces of a torrent (libtorrent's ``max_pieces``): a bitfield of 256 KiB per peer."""

MAX_PIECE_LENGTH: Final = 32767 * BLOCK
"""Bytes of a piece: libtorrent counts a piece's blocks in 15 bits."""

_META_VERSION: Final = 2
_MAX_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class Metainfo:
    """A torrent file: the torrent, and what helps to find those who have it.

    Attributes:
        info: The torrent.
        trackers: URLs in tiers, best first (BEP 12); only http, https and udp.
        web_seeds: URLs of BEP 19, percent-encoded; of several files, with a slash at the end.
        nodes: DHT nodes as host and port (BEP 5).
        comment: For people.
        created_by: The program that made it.
        creation_date: Seconds since 1970, or ``None``.
    """

    info: Info
    trackers: tuple[tuple[str, ...], ...] = ()
    web_seeds: tuple[str, ...] = ()
    nodes: tuple[tuple[str, int], ...] = ()
    comment: str = ""
    created_by: str = ""
    creation_date: int | None = None


def read_metainfo(data: bytes, *, max_size: int = MAX_SIZE) -> Metainfo:
    """Read a torrent file.

    Raises:
        MetainfoError: It is malformed, inconsistent, or over ``max_size`` bytes.
    """
    if len(data) > max_size:
        raise MetainfoError("torrent", f"{len(data)} bytes; {max_size} are allowed")
    values, raw = decode(data, "torrent")
    outer = Fields(values, "")
    inner = outer.fields("info")
    if inner is None:
        raise MetainfoError("info", "missing, or not a dictionary")
    info = _read(Fields(inner, "info"), raw)
    layers = outer.fields("piece layers")
    if info.is_v2 and layers is not None:
        info = info.with_layers(dict(_layers(layers)))
    return Metainfo(
        info,
        tuple(_trackers(outer)),
        tuple(_web_seeds(outer, slash=len(info.files) > 1)),
        tuple(_nodes(outer)),
        outer.text("comment.utf-8", "comment"),
        outer.text("created by.utf-8", "created by"),
        date if (date := outer.integer("creation date", -1)) >= 0 else None,
    )


def read_info(raw: bytes, *, max_size: int = MAX_METADATA) -> Info:
    """Read an info dictionary by itself, as peers send it for a magnet link (BEP 9).

    It passes through the same checks as one in a file. That it is the right one, its infohash
    shows; the caller compares it.

    Raises:
        MetainfoError: It is malformed, inconsistent, or over ``max_size`` bytes.
    """
    if len(raw) > max_size:
        raise MetainfoError("info", f"{len(raw)} bytes; {max_size} are allowed")
    # Inside a dictionary that has nothing else, so that the one reader finds the one end.
    values, found = decode(b"d4:info" + raw + b"e", "info")
    inner = Fields(values, "").fields("info")
    if inner is None or found != raw or len(values) != 1:
        raise MetainfoError("info", "it is not one dictionary")
    return _read(Fields(inner, "info"), raw)


def _read(info: Fields, raw: bytes) -> Info:
    """Read and check an info dictionary; what is done first protects what follows."""
    meta_version = _meta_version(info, raw)
    piece_length = _piece_length(info, meta_version)
    title = info.string("name.utf-8", "name")
    if title is None:
        raise info.error("name", "missing")
    in_v1 = info.items("files") is not None or info.has("length") or meta_version < _META_VERSION
    in_v2 = meta_version == _META_VERSION
    version = (Version.V1 if in_v1 else Version(0)) | (Version.V2 if in_v2 else Version(0))
    name = paths.sanitised(title) or _hex_name(raw, version)
    listed = _files(info, name, version, piece_length)
    files = _placed(listed, piece_length if version is Version.V2 else 1)
    pieces = _pieces(info, files, piece_length, version)
    if len(files) == 1:
        name = files[0].path.parts[0]
    private = info.integer("private", 0) != 0
    kept = pieces if in_v1 else b""
    return Info(name, tuple(files), piece_length, version, raw, private, kept)


def _meta_version(info: Fields, raw: bytes) -> int:
    """The version, 1 if it does not say (BEP 52)."""
    version = info.integer("meta version", -1)
    if version > 0 and not is_canonical(raw):
        raise MetainfoError("info", "v2 demands sorted, unique keys and shortest numbers")
    if version > _META_VERSION:
        raise info.error("meta version", f"{version} is not known yet")
    return max(version, 1)


def _piece_length(info: Fields, meta_version: int) -> int:
    """BEP 52: "It must be a power of two and at least 16KiB". BEP 3 demands nothing."""
    length = info.integer("piece length", -1)
    if not 0 < length <= MAX_PIECE_LENGTH:
        raise info.error("piece length", f"missing, or not from 1 to {MAX_PIECE_LENGTH}")
    if meta_version == _META_VERSION and (length < BLOCK or length & (length - 1)):
        raise info.error("piece length", f"{length} is not a power of two of at least {BLOCK}")
    return length


def _hex_name(raw: bytes, version: Version) -> str:
    """The name of a torrent whose own name is of no use: its infohash."""
    if Version.V1 in version:
        return hashlib.sha1(raw, usedforsecurity=False).hexdigest()
    return hashlib.sha256(raw).hexdigest()


def _files(info: Fields, name: str, version: Version, piece_length: int) -> list[Entry]:
    """All files in order; pads among them if the torrent is v1 or hybrid."""
    old = _v1_files(info, name) if Version.V1 in version else []
    tree = info.fields("file tree")
    if Version.V2 not in version:
        if tree is not None:
            raise info.error("meta version", "missing, although there is a file tree")
        return old
    if tree is None:
        raise info.error("file tree", "missing, or not a dictionary")
    new = entries.tree(tree, name, multifile=info.items("files") is not None)
    if Version.V1 not in version:
        return new
    padded = list(_padded(new, name, piece_length))
    if len(padded) == len(old) + 1:
        _drop_tail(padded)
    _compare(old, padded)
    return padded


def _v1_files(info: Fields, name: str) -> list[Entry]:
    """The files of the v1 half."""
    files = info.items("files")
    if files is not None:
        return entries.listed(files, name)
    title = info.string("name.utf-8", "name")
    only = paths.sanitised(title) if title else None
    if only is None:
        raise info.error("name", "empty, or nothing of it can be a file's name")
    return [entries.single(info, SafePath.of([only]))]


def _padded(files: Iterable[Entry], name: str, piece_length: int) -> Iterator[Entry]:
    """Insert the pads that let every file begin at a piece (BEP 47), as BEP 52 places them."""
    for entry in files:
        yield entry
        gap = -entry.length % piece_length
        if gap:
            yield Entry(SafePath.of([name, ".pad", str(gap)]), gap, pad=True)


def _drop_tail(padded: list[Entry]) -> None:
    """Drop the last pad: after the last content none is needed, and many writers leave it out."""
    last = max((index for index, entry in enumerate(padded) if entry.length), default=-1)
    if last >= 0 and padded[last].pad:
        del padded[last]


def _compare(old: list[Entry], new: list[Entry]) -> None:
    """Both halves of a hybrid must be the same bytes: the files that have any, and their places.

    Between these the halves may have empty files and pads in any order.
    """
    if len(old) != len(new):
        raise MetainfoError("info.files", "not the files, with pads between, of the file tree")
    at = [0, 0]
    for index, pair in enumerate(zip(old, new, strict=True)):
        one, other = (entry if entry.length and not entry.pad else None for entry in pair)
        where = f"info.files[{index}]"
        if (one and (one.length, at[0])) != (other and (other.length, at[1])):
            fault = f"{pair[1].path} of the file tree has another size or place"
            raise MetainfoError(f"{where}.length", fault)
        if one and other and one.path != other.path:
            raise MetainfoError(f"{where}.path", f"in the file tree it is {other.path}")
        at = [total + entry.length for total, entry in zip(at, pair, strict=True)]
    if at[0] != at[1]:
        raise MetainfoError("info.files", "not padded as the file tree is")


def _placed(listed: list[Entry], alignment: int) -> list[File]:
    """Give every file its place in piece space and a name of its own; settle the links."""
    if not listed:
        raise MetainfoError("info.files", "there are no files")
    real = [entry for entry in listed if not entry.pad]
    names = iter(paths.unique([entry.path for entry in real]))
    targets = iter(links.resolved([e.path for e in real], [e.target for e in real]))
    files, offset = [], 0
    for entry in listed:
        offset += -offset % alignment
        path, target = (entry.path, None) if entry.pad else (next(names), next(targets))
        files.append(_placed_file(entry, path, offset, target))
        offset += entry.length
    if not 0 < offset <= MAX_TOTAL:
        raise MetainfoError("info.length", f"all files together: {offset}, not 1 to {MAX_TOTAL}")
    return files


def _placed_file(entry: Entry, path: SafePath, offset: int, target: SafePath | None) -> File:
    """Make a file of an entry."""
    return File(
        path, entry.length, offset, entry.pad, entry.executable, entry.hidden, target, entry.root
    )


def _pieces(info: Fields, files: list[File], piece_length: int, version: Version) -> bytes:
    """The SHA-1 of all pieces, whose number the files determine."""
    count = -(-(files[-1].offset + files[-1].length) // piece_length)
    if count > MAX_PIECES:
        raise info.error("piece length", f"{count} pieces; {MAX_PIECES} are allowed")
    pieces = info.string("pieces")
    if pieces is None:
        if Version.V1 in version:
            raise info.error("pieces", "missing, or not a string")
        return b""
    if len(pieces) != count * SHA1:
        raise info.error("pieces", f"{len(pieces)} bytes instead of {SHA1} for {count} pieces each")
    return pieces


def _layers(layers: dict[bytes, Any]) -> Iterator[tuple[bytes, bytes]]:
    """The entries of ``piece layers``, if all are of the right type."""
    for root, layer in layers.items():
        if type(layer) is not bytes:
            raise MetainfoError(f"piece layers.{root.hex()}", "it is not a string")
        yield root, layer


def _trackers(outer: Fields) -> list[tuple[str, ...]]:
    """``announce-list``; only where that has nothing of use, ``announce`` (BEP 12)."""
    listed = _tiers(outer.items("announce-list") or [])
    return listed or _tiers([[outer.string("announce")]])


def _tiers(listed: list[Any]) -> list[tuple[str, ...]]:
    """The URLs of use in a list of tiers, each once; tiers without any are left out."""
    tiers, seen = [], set[str]()
    for tier in listed:
        urls = tier if type(tier) is list else []
        texts = (url.decode("utf-8", "replace").lstrip() for url in urls if type(url) is bytes)
        kept = [url for url in dict.fromkeys(texts) if is_tracker(url) and url not in seen]
        seen.update(kept)
        if kept:
            tiers.append(tuple(kept))
    return tiers


def _web_seeds(outer: Fields, *, slash: bool) -> Iterator[str]:
    """``url-list``, a string or a list of them (BEP 19), each URL once."""
    listed = outer.value("url-list")
    urls = listed if type(listed) is list else [listed]
    for raw in dict.fromkeys(url for url in urls if type(url) is bytes):
        url = encoded_path(raw.decode("utf-8", "replace"))
        if is_web_seed(url):
            yield url + "/" if slash and not url.endswith("/") else url


def _nodes(outer: Fields) -> Iterator[tuple[str, int]]:
    """``nodes``: lists of host and port (BEP 5); others are passed over."""
    for node in outer.items("nodes") or []:
        match node:
            case [bytes(host), int(port), *_] if 0 < port <= _MAX_PORT:
                yield host.decode("utf-8", "replace"), port
