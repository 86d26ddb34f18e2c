"""Things to store, and ways to look at a state directory from outside."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dht.core.keys import Key
from dht.core.messages import Contact, Provider, Record
from dht.node.database import FILE

if TYPE_CHECKING:
    from collections.abc import Iterator

NETWORK = "mainline"
NOBODY = 65534


def immutable(key: int, value: bytes = b"5:hello") -> Record:
    return Record(Key(key), value)


def named(key: int, seq: int, value: bytes = b"3:new") -> Record:
    """A version of a name: signatures are opaque to the state, these only differ by version."""
    return Record(Key(key), value, seq, b"P" * 32, b"salt", b"S%d" % seq)


def provider(port: int = 6881, host: str = "203.0.113.5", *, seed: bool = False) -> Provider:
    return Provider((host, port), seed=seed)


def contact(key: int, port: int = 6881) -> Contact:
    return Contact(Key(key), ("198.51.100.7", port))


def raw(directory: Path) -> sqlite3.Connection:
    """The database behind the program's back."""
    return sqlite3.connect(directory / FILE, isolation_level=None)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# Spawned, not forked: a child must not inherit this process's connections and locks.
SPAWN: Any = multiprocessing.get_context("spawn")


@contextmanager
def unprivileged_home() -> Iterator[Path]:
    """A directory that the user of the block may read and not write, also when that is root."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        home.chmod(0o555)
        root = os.geteuid() == 0
        if root:
            os.seteuid(NOBODY)
        try:
            yield home
        finally:
            if root:
                os.seteuid(0)
            home.chmod(0o700)
