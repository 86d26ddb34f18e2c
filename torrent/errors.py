"""What can go wrong for a user of the piece exchange, under one abstract base.

As in :mod:`dht.errors`, a message says whose fault it is and what to do about it. Anything that
leaves this package and is not a :class:`TorrentError` is our bug; programming mistakes (a piece
that the torrent does not have) are Python's own errors.
"""

from __future__ import annotations


class TorrentError(Exception):
    """Abstract base of everything this package raises on purpose."""


class MetainfoError(TorrentError):
    """A torrent, the metadata of a magnet link, or the link itself breaks the rules.

    The fault is with whoever made it: nothing was downloaded or written because of it, and trying
    again will not help.

    Attributes:
        field: The field at fault, as a path: ``info.piece length``, ``info.files[3].path``.
            ``torrent`` is the file as a whole, ``magnet`` the link as a whole.
        fault: What is wrong with it.
    """

    def __init__(self, field: str, fault: str) -> None:
        super().__init__(f"{field}: {fault}")
        self.field = field
        self.fault = fault


class WireError(TorrentError):
    """A peer broke the protocol: the connection is of no more use, and the message says why."""


class StorageError(TorrentError):
    """Files could not be read, written or moved; the message names the file, the cause, the cure.

    Nothing verified is lost by it: once the cause is mended, the torrent goes on where it was.
    """


class SessionError(TorrentError):
    """A session cannot do what was asked of it: it cannot listen, or is not running."""
