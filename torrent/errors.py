"""What can go wrong in an exchange of pieces, under one abstract base.

Every message says whose fault it is and which field of which message it was about. Whatever a
stranger sends, nothing else leaves this package.
"""

from __future__ import annotations


class TorrentError(Exception):
    """Abstract base of everything this package raises on purpose."""


class WireError(TorrentError):
    """A peer broke the protocol: the connection is of no more use, and the message says why."""


class StorageError(TorrentError):
    """Files could not be read, written or moved; the message names the file, the cause, the cure.

    Nothing verified is lost by it: once the cause is mended, the torrent goes on where it was.
    """


class MetainfoError(TorrentError):
    """A torrent, the metadata of a magnet link, or the link itself breaks the rules."""

    def __init__(self, field: str, fault: str) -> None:
        super().__init__(f"{field}: {fault}")
        self.field = field
        self.fault = fault
