"""Piece exchange: torrents, the peers that share them, and the files they end up in.

>>> from torrent import Session

The names below are imported when they are first used, so that the pure package (``torrent.core``)
can be used without importing trio.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torrent.errors import (
        MetainfoError,
        SessionError,
        StorageError,
        TorrentError,
        WireError,
    )
    from torrent.io.config import SessionConfig
    from torrent.io.results import Phase
    from torrent.io.session import Session
    from torrent.io.torrent import Torrent

_HOMES = {
    "Session": "torrent.io.session",
    "SessionConfig": "torrent.io.config",
    "Torrent": "torrent.io.torrent",
    "Phase": "torrent.io.results",
}

__all__ = [
    "MetainfoError",
    "Phase",
    "Session",
    "SessionConfig",
    "SessionError",
    "StorageError",
    "Torrent",
    "TorrentError",
    "WireError",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "torrent.errors")), name)


def __dir__() -> list[str]:
    return __all__
