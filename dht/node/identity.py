"""Who we are, and who of us is it.

A state directory has one identity: a seed to draw node ids from, the id and port each engine used
last, so that a node returns to the network as the one it was. Two processes must never be that
node at once: others would see one id at two addresses and distrust both. So the identity belongs
to whoever holds ``node.lock`` (see :class:`dht.node.disk.FileLock`); everybody else takes a
throw-away identity and does not serve (BEP 43), until the holder is gone and the lock is free.

The holder writes into the lock file who it is and where it listens, which lets the others join the
network through it. What the file says counts only while the lock is held.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from dht.core.keys import Key
from dht.node.disk import FileLock, StateError, explained, private_directory, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable

LOCK = "node.lock"
FILE = "identity.json"
_SEED_BYTES = 32

Address: TypeAlias = tuple[str, int]


class Identity:
    """The identity of a state directory, held by this process until it is closed."""

    def __init__(self, lock: FileLock, path: Path) -> None:
        self._lock = lock
        self._path = path
        stored = _load(path)
        self.seed = bytes.fromhex(stored["seed"]) if stored else os.urandom(_SEED_BYTES)
        self._engines: dict[str, Any] = stored["engines"] if stored else {}
        if not stored:
            self._save()
        # Our predecessor's addresses are not ours.
        self.announce(())

    @classmethod
    def claim(cls, directory: str | os.PathLike[str]) -> Identity | None:
        """Become the node of ``directory``; ``None`` if another process (or object) is it.

        ``Identity.holder`` then tells which.

        Raises:
            StateError: The directory cannot be used, or the identity in it cannot be read.
        """
        home = Path(directory)
        private_directory(home)
        lock = FileLock(home / LOCK)
        try:
            if not lock.claim():
                lock.close()
                return None
            return cls(lock, home / FILE)
        except StateError:
            lock.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let another process be it."""
        self._lock.close()

    def key(self, network: str, family: str) -> Key | None:
        """The node id this engine had last; ``None`` if it never ran."""
        engine = self._engines.get(f"{network}/{family}")
        return None if engine is None else Key(int(engine["key"], 16))

    def port(self, network: str, family: str) -> int | None:
        """The port this engine listened on last; ``None`` if it never ran."""
        engine = self._engines.get(f"{network}/{family}")
        return None if engine is None else int(engine["port"])

    def remember(self, network: str, family: str, key: Key, port: int) -> None:
        """Note what this engine uses now, for the next life. Written only if it changed."""
        engine = {"key": f"{key:x}", "port": port}
        if self._engines.get(f"{network}/{family}") != engine:
            self._engines[f"{network}/{family}"] = engine
            self._save()

    def announce(self, addresses: Iterable[Address]) -> None:
        """Tell other processes of this directory where we listen."""
        said = {"pid": os.getpid(), "addresses": [list(address) for address in addresses]}
        self._lock.write(json.dumps(said).encode())

    @staticmethod
    def running(directory: str | os.PathLike[str]) -> tuple[Address, ...] | None:
        """Where the node of ``directory`` listens; ``None`` if none is running.

        Empty while it runs but has not said so yet.
        """
        said = _said(directory)
        return None if said is None else tuple((str(host), int(port)) for host, port in said[1])

    @staticmethod
    def holder(directory: str | os.PathLike[str]) -> int | None:
        """The process id of the node of ``directory``; ``None`` if none is running (0: unknown)."""
        said = _said(directory)
        return None if said is None else said[0]

    def _save(self) -> None:
        content = {"seed": self.seed.hex(), "engines": self._engines}
        write_whole(self._path, json.dumps(content, indent=2).encode() + b"\n")


def _said(directory: str | os.PathLike[str]) -> tuple[int, list[Any]] | None:
    path = Path(directory) / LOCK
    with explained(path):
        if not path.exists():
            return None
    with FileLock(path) as lock:
        if not lock.taken():
            return None
        try:
            said = json.loads(lock.read())
            return int(said["pid"]), list(said["addresses"])
        except (ValueError, KeyError, TypeError):
            # It has the lock and is about to write.
            return 0, []


def _load(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    with explained(path):
        data = path.read_bytes()
    try:
        stored = json.loads(data)
        for engine in stored["engines"].values():
            int(engine["key"], 16), int(engine["port"])
        if len(bytes.fromhex(stored["seed"])) == _SEED_BYTES:
            return dict(stored)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable(path) from error
    raise _unreadable(path)


def _unreadable(path: Path) -> StateError:
    return StateError(
        f"{path} is not an identity this program wrote: put back a copy, or move the file away "
        "and a new identity will be drawn (node ids may change freely; nothing else is lost)"
    )
