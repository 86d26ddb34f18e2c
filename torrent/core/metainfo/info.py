"""The info dictionary, read and checked: what a torrent is, beside who shares it.

An :class:`Info` is immutable and comes from :func:`~torrent.core.metainfo.read_info` or
:func:`~torrent.core.metainfo.read_metainfo` only. Its ``raw`` bytes are the dictionary exactly as
it was received; they alone are hashed, sent to other peers (BEP 9) and stored.

The piece layers of v2 are not part of it: a torrent file has them beside ``info``, and who starts
from a magnet link fetches them from peers (BEP 52). So an Info may lack some or all of them;
:meth:`Info.with_layers` returns one that has more, after checking them against the roots.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING

from dht.names import torrent as address_of
from torrent.core.metainfo.layout import Layout
from torrent.core.metainfo.merkle import HASH, piece_layer_root
from torrent.errors import MetainfoError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dht.codec.cid import Cid
    from torrent.core.metainfo.layout import File

SHA1: int = 20
"""Bytes of a SHA-1, and of every infohash on the wire and in the DHT."""

_NO_LAYERS: Mapping[bytes, bytes] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Info(Layout):
    """What a torrent is.

    Attributes:
        raw: The info dictionary as it was received.
        private: Only peers of its trackers may be asked (BEP 27).
        pieces: The SHA-1 of every piece, concatenated; empty in v2.
        piece_layers: Of files of more than one piece, by their root: the hashes of their pieces,
            concatenated. All in it are verified; some may be missing.
        infohash_v1: 20 bytes, or ``None``.
        infohash_v2: 32 bytes, or ``None``.
    """

    raw: bytes = field(repr=False)
    private: bool
    pieces: bytes = field(repr=False)
    piece_layers: Mapping[bytes, bytes] = field(
        default_factory=lambda: _NO_LAYERS, repr=False, hash=False
    )
    infohash_v1: bytes | None = field(init=False)
    infohash_v2: bytes | None = field(init=False)

    def __post_init__(self) -> None:
        """Name the torrent."""
        Layout.__post_init__(self)
        v1 = hashlib.sha1(self.raw, usedforsecurity=False).digest() if self.is_v1 else None
        object.__setattr__(self, "infohash_v1", v1)
        v2 = hashlib.sha256(self.raw).digest() if self.is_v2 else None
        object.__setattr__(self, "infohash_v2", v2)

    @property
    def infohashes(self) -> tuple[bytes, ...]:
        """The names it has on the wire and in the DHT, v1 first: 20 bytes, v2 cut (BEP 52)."""
        both = (self.infohash_v1, self.infohash_v2)
        return tuple(infohash[:SHA1] for infohash in both if infohash is not None)

    @property
    def cids(self) -> tuple[Cid, ...]:
        """Its names in our address space: ``torrent-info`` CIDs, v1 first."""
        both = (self.infohash_v1, self.infohash_v2)
        return tuple(address_of(infohash).cid for infohash in both if infohash is not None)

    def piece_hash(self, piece: int) -> bytes:
        """The SHA-1 of a piece (BEP 3).

        Raises:
            IndexError: The torrent has no such piece.
            ValueError: It is a v2 torrent.
        """
        self._check(piece)
        if not self.is_v1:
            raise ValueError("a v2 torrent has no SHA-1 of its pieces")
        return self.pieces[piece * SHA1 : piece * SHA1 + SHA1]

    def piece_root(self, piece: int) -> bytes | None:
        """The root of the tree over a piece (:meth:`leaf_width` leaves).

        ``None`` where there is none: in v1, in a piece of padding, and as long as the file's piece
        layer is missing.

        Raises:
            IndexError: The torrent has no such piece.
        """
        file = self.files[self.file_at(piece)]
        if file.pieces_root is None or file.length <= self.piece_length:
            return file.pieces_root
        at = (piece - file.offset // self.piece_length) * HASH
        layer = self.piece_layers.get(file.pieces_root)
        return None if layer is None else layer[at : at + HASH]

    @property
    def missing_layers(self) -> tuple[bytes, ...]:
        """The roots of files whose piece layer has yet to be fetched, in the order of the files."""
        wanted = dict.fromkeys(file.pieces_root for file in self.files if self._has_layer(file))
        return tuple(root for root in wanted if root is not None and root not in self.piece_layers)

    def with_layers(self, found: Mapping[bytes, bytes]) -> Info:
        """This torrent with more piece layers.

        Raises:
            MetainfoError: One is of no file, has the wrong size, or does not lead to its root.
        """
        by_root: dict[bytes, list[File]] = {}
        for file in self.files:
            if self._has_layer(file) and file.pieces_root is not None:
                by_root.setdefault(file.pieces_root, []).append(file)
        for root, layer in found.items():
            where = f"piece layers.{root.hex()}"
            if root not in by_root:
                raise MetainfoError(where, "no file of more than one piece has this root")
            self._check_layer(where, root, layer, by_root[root])
        return self._replaced(MappingProxyType({**self.piece_layers, **found}))

    def _has_layer(self, file: File) -> bool:
        """Whether a file is long enough to have a piece layer."""
        return file.pieces_root is not None and file.length > self.piece_length

    def _check_layer(self, where: str, root: bytes, layer: bytes, files: list[File]) -> None:
        """Size first: it bounds the hashing."""
        for file in files:
            expected = -(-file.length // self.piece_length) * HASH
            if len(layer) != expected:
                raise MetainfoError(where, f"it has {len(layer)} bytes instead of {expected}")
        if piece_layer_root(layer, self.piece_length) != root:
            raise MetainfoError(where, "the hashes do not lead to this root")

    def _replaced(self, layers: Mapping[bytes, bytes]) -> Info:
        """A copy with other piece layers, without computing and hashing everything again."""
        copy = object.__new__(Info)
        for each in fields(self):
            object.__setattr__(copy, each.name, getattr(self, each.name))
        object.__setattr__(copy, "piece_layers", layers)
        return copy
