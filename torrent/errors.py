"""What can go wrong for a user of the piece exchange, under one abstract base."""

from __future__ import annotations


class TorrentError(Exception):
    """Abstract base of everything this package raises on purpose."""
