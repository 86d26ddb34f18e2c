"""The torrents of a state directory, as they are written there: what they are, how they stand.

Reads the disk and nothing else, and of the package below only what needs no trio: ``status`` and an
idle node use it, too.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from cli.errors import CommandError
from cli.evidence import count
from cli.failures import translated
from cli.tables import rate, size
from dht import names
from dht.codec import cid as cids
from dht.node.disk import StateError
from dht.node.identity import Identity
from torrent.core.bitfield import Bitfield
from torrent.core.metainfo import Magnet, read_metainfo
from torrent.errors import TorrentError
from torrent.io.resume import Standing, StoredTorrent, Torrents

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torrent.core.metainfo import Info, Metainfo

COLUMNS = 2
"""Columns of a listing's line that are flush left; sizes and shares follow."""


@contextmanager
def opened(state: Path, *, readonly: bool = True) -> Iterator[Torrents]:
    """The torrents of a state directory.

    Raises:
        CommandError: It cannot be read, or written.
    """
    try:
        with Torrents.open(state, readonly=readonly) as torrents:
            yield torrents
    except StateError as error:
        raise translated(error) from error
    except OSError as error:
        raise CommandError(
            f"cannot read the state directory {state}: {error}", hint="--state names a directory"
        ) from error


def find(torrents: Torrents, key: bytes) -> StoredTorrent | None:
    """The torrent of which ``key`` is a 20-byte infohash: the one it is stored by, or another."""
    everything = torrents.all()
    for torrent in everything:
        if torrent.infohash == key:
            return torrent
    for torrent in everything:
        known = _read(torrents, torrent.infohash)
        if known is not None and key in known.info.infohashes:
            return torrent
    return None


def metainfo(state: Path, key: bytes) -> Metainfo | None:
    """What the state knows of the torrent with this infohash; ``None`` if nothing."""
    with opened(state) as torrents:
        found = find(torrents, key)
        return None if found is None else _read(torrents, found.infohash)


def _read(torrents: Torrents, infohash: bytes) -> Metainfo | None:
    data = torrents.metainfo(infohash)
    try:
        return None if data is None else read_metainfo(data)
    except TorrentError:
        return None


@dataclass(frozen=True, slots=True)
class Held:
    """A torrent of the state, and how it stands.

    Attributes:
        torrent: What is remembered.
        known: Its metainfo; ``None`` as long as only a magnet link is.
        standing: What a process says that has it at work now.
    """

    torrent: StoredTorrent
    known: Metainfo | None
    standing: Standing | None

    @classmethod
    def all(cls, state: Path) -> list[Self]:
        """Every torrent of a state directory.

        Raises:
            CommandError: It cannot be read.
        """
        with opened(state) as torrents:
            standings = torrents.standings()
            holder = Identity.holder(state)
            return [
                cls(
                    each,
                    _read(torrents, each.infohash),
                    _current(standings.get(each.infohash), holder),
                )
                for each in torrents.all()
            ]

    @property
    def promised(self) -> bool:
        """Whether a node of this state goes on with it."""
        return not self.torrent.paused

    @property
    def size(self) -> int:
        """Bytes wanted; 0 while the metadata is unknown."""
        return 0 if self.known is None else sum(_wanted(self.known.info, self.torrent))

    @property
    def share(self) -> float:
        """How much of what is wanted is here: 0 to 1, by pieces."""
        if self.known is None or self.torrent.progress.have is None:
            return 0.0
        info = self.known.info
        try:
            have = Bitfield.from_bytes(self.torrent.progress.have, info.piece_count)
        except TorrentError:
            return 0.0
        pieces = _pieces(info, self.torrent)
        return sum(piece in have for piece in pieces) / len(pieces) if pieces else 1.0

    @property
    def state(self) -> str:
        """What is going on, in a word: a phase, or that nobody has it at work."""
        if self.standing is not None:
            return self.standing.phase
        if self.promised:
            return "waiting"
        return "complete" if self.share == 1.0 else "stopped"

    @property
    def address(self) -> str:
        """What users call it: its CID."""
        if self.known is None:
            return str(names.torrent(self.torrent.infohash))
        return cids.text(self.known.info.cids[0])

    def cells(self) -> list[str]:
        """A line of the listing."""
        share = f"{100 * self.share:.0f} %" if self.known else "?"
        amount = size(self.size) if self.known else "?"
        return [self.address, self.torrent.name, amount, share]

    def told(self) -> str:
        """The rest of the line: who has it at work, how fast, and where its files are."""
        standing, words = self.standing, [self.state]
        if standing is None:
            if self.promised:
                words = ["waits for `dhtctl node`"]
        else:
            words.append(count(standing.peers, "peer"))
            if standing.download_rate >= 1:
                words.append(f"{rate(standing.download_rate)} down")
            if standing.upload_rate >= 1:
                words.append(f"{rate(standing.upload_rate)} up")
            words += [standing.fault] if standing.fault else []
        return f"{', '.join(words)}  {self.torrent.directory}"

    def facts(self) -> dict[str, Any]:
        """The same for programs."""
        standing, known = self.standing, self.known
        return {
            "name": self.torrent.name,
            "key": self.address,
            "infohash": self.torrent.infohash.hex(),
            "magnet": self.torrent.magnet or (str(Magnet.of(known)) if known else None),
            "size_bytes": self.size,
            "progress": round(self.share, 4),
            "state": self.state,
            "promised": self.promised,
            "directory": str(self.torrent.directory),
            "pid": standing.process if standing else None,
            "peers": standing.peers if standing else 0,
            "download_bytes_per_s": round(standing.download_rate) if standing else 0,
            "upload_bytes_per_s": round(standing.upload_rate) if standing else 0,
            "fault": (standing.fault if standing else "") or None,
        }


def _current(standing: Standing | None, holder: int | None) -> Standing | None:
    """A standing, if the process that told it is still there."""
    if standing is None or standing.process == holder:
        return standing
    try:
        os.kill(standing.process, 0)
    except PermissionError:
        return standing
    except OSError:
        return None
    return standing


def _wanted(info: Info, torrent: StoredTorrent) -> list[int]:
    """The lengths of the files wanted."""
    wants = torrent.priorities or bytes([1]) * len(info.files)
    return [f.length for f, wanted in zip(info.files, wants, strict=False) if wanted and not f.pad]


def _pieces(info: Info, torrent: StoredTorrent) -> set[int]:
    """The pieces of the files wanted."""
    wants = torrent.priorities or bytes([1]) * len(info.files)
    found: set[int] = set()
    for file, wanted in zip(info.files, wants, strict=False):
        if wanted and file.length and not file.pad:
            last = (file.offset + file.length - 1) // info.piece_length
            found.update(range(file.offset // info.piece_length, last + 1))
    return found
