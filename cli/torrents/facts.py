"""A torrent described: for people in lines, for programs in members of a JSON object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cli.evidence import count
from cli.tables import aligned, size
from dht.codec import cid as cids
from dht.codec.bencode import decode
from torrent.core.metainfo import Magnet, Metainfo, Version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dht.codec.cid import Cid
    from torrent.cdn.name import Name
    from torrent.core.metainfo import File, Info

_CALLED = {Version.V1: "v1", Version.V2: "v2", Version.HYBRID: "hybrid"}
_LEFT = 12


def names(what: Info | Magnet) -> dict[str, Any]:
    """What it is called, in every form."""
    v1, v2 = what.infohash_v1, what.infohash_v2
    return {
        "infohash_v1": None if v1 is None else v1.hex(),
        "infohash_v2": None if v2 is None else v2.hex(),
        "cids": [address(cid) for cid in what.cids],
    }


def address(cid: Cid) -> str:
    """A CID as it is typed and shown."""
    return cids.text(cid)


def brief(what: Metainfo) -> dict[str, Any]:
    """What every verb tells about a torrent that it handled."""
    info = what.info
    return {
        "name": info.name,
        **names(info),
        "magnet": str(Magnet.of(what)),
        "version": _CALLED[info.version],
        "size_bytes": info.size,
        "piece_length_bytes": info.piece_length,
        "pieces": info.piece_count,
    }


def everything(what: Metainfo) -> dict[str, Any]:
    """All that a torrent file says."""
    info = what.info
    return {
        **brief(what),
        "private": info.private,
        "source": _source(info),
        "trackers": [list(tier) for tier in what.trackers],
        "web_seeds": list(what.web_seeds),
        "comment": what.comment,
        "created_by": what.created_by,
        "created_unix_s": what.creation_date,
        "files": [_file(n, file) for n, file in enumerate(info.files) if not file.pad],
    }


def of_link(link: Magnet) -> dict[str, Any]:
    """All that a magnet link says."""
    return {
        "name": link.name,
        **names(link),
        "magnet": str(link),
        "size_bytes": link.length,
        "trackers": [[url] for url in link.trackers],
        "web_seeds": list(link.web_seeds),
        "publisher": None if link.publisher is None else str(link.publisher),
    }


def of_name(name: Name) -> dict[str, Any]:
    """All that a name says by itself."""
    return {
        "name": str(name),
        "magnet": name.magnet,
        "public_key": name.public.hex(),
        "salt": name.salt.hex(),
    }


def text_of_name(name: Name) -> str:
    """What a name says, in lines."""
    return "\n".join([_line("name", str(name)), _line("magnet", name.magnet)])


def _file(index: int, file: File) -> dict[str, Any]:
    root = file.pieces_root
    return {
        "index": index,
        "path": str(file.path),
        "size_bytes": file.length,
        "pieces_root": None if root is None else root.hex(),
        "executable": file.executable,
        "symlink": None if file.symlink is None else str(file.symlink),
    }


def _source(info: Info) -> str:
    """The word of a private tracker, which only tells infohashes apart; nothing else reads it."""
    decoded = decode(info.raw)
    source = decoded.get(b"source") if isinstance(decoded, dict) else None
    return source.decode(errors="replace") if isinstance(source, bytes) else ""


def text(what: Metainfo) -> str:
    """The same in lines."""
    return "\n".join([*_head(what), *_listing(what.info)])


def text_of_link(link: Magnet) -> str:
    """What a link says, in lines."""
    lines = [_line("name", " ".join(link.name.split()))] if link.name else []
    lines += _names(link)
    lines += [_line("size", size(link.length))] if link.length is not None else []
    lines += [_line("tracker", url) for url in link.trackers]
    lines += [_line("web seed", url) for url in link.web_seeds]
    lines += [_line("publisher", str(link.publisher))] if link.publisher is not None else []
    return "\n".join(lines)


def _head(what: Metainfo) -> Iterator[str]:
    info = what.info
    files = sum(not file.pad for file in info.files)
    pieces = f"{count(info.piece_count, 'piece')} of {size(info.piece_length)}"
    yield _line("name", info.name)
    yield from _names(info)
    yield _line("size", f"{size(info.size)} in {count(files, 'file')}, {pieces}")
    yield _line("version", _CALLED[info.version])
    if info.private:
        yield _line("private", "peers come from its trackers alone")
    for word, value in (("source", _source(info)), ("comment", what.comment)):
        if value:
            yield _line(word, value)
    for tier in what.trackers:
        yield _line("tracker", " ".join(tier))
    for url in what.web_seeds:
        yield _line("web seed", url)
    yield _line("magnet", str(Magnet.of(what)))


def _names(what: Info | Magnet) -> Iterator[str]:
    for infohash in (what.infohash_v1, what.infohash_v2):
        if infohash is not None:
            yield _line("infohash", infohash.hex())
    for cid in what.cids:
        yield _line("CID", address(cid))


def _line(word: str, value: str) -> str:
    return f"{word:<{_LEFT}}{value}"


def _listing(info: Info) -> list[str]:
    rows = [
        [f"{n}", f"{file.path}" + (f" -> {file.symlink}" if file.symlink else ""), _amount(file)]
        for n, file in enumerate(info.files)
        if not file.pad
    ]
    return [f"  {line}" for line in aligned(rows, left=2)]


def _amount(file: File) -> str:
    return "link" if file.symlink else size(file.length)
