"""What a gateway can send.

A :class:`Resource` says what it is (:class:`~.core.planning.Kind`) and can be opened. What is open
(:class:`Reading`) gives its bytes in one of two ways: ``span``, where they lie verified in a file,
for the kernel to send; or ``read``, which waits until some are here. Whoever adds routes to a
gateway makes resources of :func:`of_bytes`, of a torrent's file, or of a class of his own.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final, Protocol

import trio

from torrent.cdn.gateway.core.planning import FRESH, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torrent.io.files import Span


class Reading(Protocol):
    """A resource while it is being sent."""

    def span(self, begin: int, length: int) -> Span | None:
        """Where these bytes lie, verified, in one open file; ``None``: read them."""

    async def read(self, begin: int, most: int) -> bytes:
        """Some of these bytes, at least one, verified; waits for them.

        Raises:
            Refused: They cannot be had.
            TorrentError: The same, for a reason of the machine's.
        """

    def close(self) -> None:
        """Nothing more is wanted."""


class Resource(Protocol):
    """Something that can be sent.

    Attributes:
        kind: What it is.
        status: 200; or of an error, whose page it is.
    """

    @property
    def kind(self) -> Kind:
        """See above."""

    @property
    def status(self) -> int:
        """See above."""

    def open(self) -> Reading:
        """Begin to read it."""


class Bytes:
    """A resource that lies in memory, and its own reading."""

    def __init__(self, data: bytes, kind: Kind, status: int = 200) -> None:
        self.kind: Final = kind
        self.status: Final = status
        self._data = data

    def open(self) -> Bytes:
        """There is nothing to begin."""
        return self

    def span(self, begin: int, length: int) -> None:
        """It lies in no file."""

    async def read(self, begin: int, most: int) -> bytes:
        """Some of it."""
        await trio.lowlevel.checkpoint()
        return self._data[begin : begin + most]

    def close(self) -> None:
        """There is nothing to end."""


def of_bytes(
    data: bytes,
    media: str,
    *,
    caching: str = FRESH,
    more: Mapping[str, str] | None = None,
    status: int = 200,
) -> Bytes:
    """A resource of some bytes; its tag is made of them."""
    etag = f'"{sha256(data).hexdigest()[:32]}"'
    return Bytes(data, Kind(len(data), etag, media, caching, more or {}), status)
