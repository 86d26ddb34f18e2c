"""What can go wrong in an exchange of pieces, under one abstract base.

Every message says whose fault it is and which field of which message it was about. Whatever a
stranger sends, nothing else leaves this package.
"""

from __future__ import annotations


class TorrentError(Exception):
    """Abstract base of everything this package raises on purpose."""


class WireError(TorrentError):
    """A peer broke the protocol: the connection is of no more use, and the message says why."""
