"""What a session is asked to do with one torrent, from whatever form it was asked in."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeAlias, TypedDict

from torrent.core.metainfo import Info, Magnet, Metainfo, read_magnet, read_metainfo, wrapped
from torrent.errors import MetainfoError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Unpack

Endpoint: TypeAlias = tuple[str, int]

Source: TypeAlias = "Metainfo | Magnet | Path | str | bytes"
"""A torrent in any form: read, as a magnet link, as a file's path or its content."""

Choice: TypeAlias = "Callable[[Info], Collection[int]]"
"""Chooses files once the metadata is known."""

MAX_FILE = 64 << 20
"""Bytes of a torrent file that is read at all; its reader takes less, and says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One torrent, and what is wanted of it.

    Attributes:
        infohashes: Its 20-byte names, v1's first.
        info: What it is; ``None`` while only its infohash is known.
        name: What a magnet link calls it, to show until its metadata is here.
        directory: Where its files are, or shall be.
        trackers: Tiers of URLs (BEP 12).
        web_seeds: URLs of web servers that have its files (BEP 19).
        peers: Peers to be tried first.
        select: Ranges of indexes of the files wanted, or what chooses them; ``None``: all.
        sequential: Fetch the pieces in their order.
        intact: The files were made just now and are known to be true: they need no check.
        link: The magnet link it was asked for by; empty if by a torrent file.
        resting: It was begun in an earlier run and is only to go on being served: see
            :mod:`torrent.io.memory`.
        kept: A later run shall go on with it unasked (:meth:`~torrent.io.session.Session.restore`).
        metadata_only: Learn what it is, and nothing more.
    """

    infohashes: tuple[bytes, ...]
    info: Info | None
    name: str
    directory: Path
    trackers: tuple[tuple[str, ...], ...] = ()
    web_seeds: tuple[str, ...] = ()
    peers: tuple[Endpoint, ...] = ()
    select: tuple[range, ...] | Choice | None = None
    sequential: bool = False
    intact: bool = False
    link: str = ""
    resting: bool = False
    kept: bool = True
    metadata_only: bool = False

    @property
    def private(self) -> bool:
        """Whether its peers come from its trackers alone (BEP 27)."""
        return self.info is not None and self.info.private

    def wanted(self, info: Info) -> frozenset[int] | None:
        """Indexes of the files wanted; ``None``: all."""
        if self.select is None:
            return None
        if callable(self.select):
            return frozenset(self.select(info))
        chosen = self.select
        return frozenset(n for n in range(len(info.files)) if any(n in each for each in chosen))

    @property
    def metainfo(self) -> bytes | None:
        """Its torrent file, if its metadata is known."""
        if self.info is None:
            return None
        return wrapped(Metainfo(self.info, self.trackers, self.web_seeds))

    def told(self, info: Info) -> Self:
        """The same, now that its metadata is known: with both names, if it has two."""
        return dataclasses.replace(self, info=info, name=info.name, infohashes=info.infohashes)


class How(TypedDict, total=False):
    """What can be asked about a torrent.

    ``peers``: to be tried first. ``select``: indexes of the files wanted, or what chooses them.
    ``sequential``: fetch the pieces in their order. ``intact``: the files were made just now and
    need no check. ``kept``: False if a later run shall not go on with it unasked; what it has is
    remembered all the same. ``metadata_only``: touch no files.
    """

    peers: Collection[Endpoint]
    select: Collection[int] | Choice | None
    sequential: bool
    intact: bool
    kept: bool
    metadata_only: bool


def read_task(source: Source, directory: Path, **how: Unpack[How]) -> Task:
    """Understand ``source``.

    Raises:
        MetainfoError: It is no torrent.
        OSError: Its file cannot be read.
    """
    what = _read(source)
    peers = tuple(how.get("peers", ()))
    select = _selected(how.get("select"))
    sequential = how.get("sequential", False)
    kept, metadata_only = how.get("kept", True), how.get("metadata_only", False)
    if isinstance(what, Metainfo):
        return Task(
            infohashes=what.info.infohashes,
            info=what.info,
            name=what.info.name,
            directory=directory,
            trackers=tuple(map(tuple, what.trackers)),
            web_seeds=tuple(what.web_seeds),
            peers=peers,
            select=select,
            sequential=sequential,
            intact=how.get("intact", False),
            kept=kept,
            metadata_only=metadata_only,
        )
    return Task(
        infohashes=what.infohashes,
        info=None,
        name=what.name,
        directory=directory,
        trackers=tuple((tracker,) for tracker in what.trackers),
        web_seeds=what.web_seeds,
        peers=(*peers, *what.peers),
        select=select if select is not None else what.select or None,
        sequential=sequential,
        link=str(what),
        kept=kept,
        metadata_only=metadata_only,
    )


def _selected(chosen: Collection[int] | Choice | None) -> tuple[range, ...] | Choice | None:
    if chosen is None or callable(chosen):
        return chosen
    return tuple(range(each, each + 1) for each in chosen)


def _read(source: Source) -> Metainfo | Magnet:
    match source:
        case str() if source.startswith("magnet:"):
            return read_magnet(source)
        case str() | Path():
            return _read_file(Path(source))
        case bytes():
            return read_metainfo(source)
        case _:
            return source


def _read_file(path: Path) -> Metainfo:
    with path.open("rb") as file:
        data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise MetainfoError(str(path), f"it has more than {MAX_FILE} bytes: this is no torrent")
    return read_metainfo(data)
