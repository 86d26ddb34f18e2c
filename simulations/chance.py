"""All the chance of a run: one root seed, from which named streams grow like a tree.

Whoever needs chance asks for a stream by a name of its own: ``chance.stream("churn", 3)``. A
stream is known by its path alone, not by who asked before, so a new user of chance moves nobody
else's draws. Two runs that differ in one setting then share all chance that the setting does not
touch (*common random numbers*), and their difference is seen with far fewer seeds.

The key of a child is the SHA-256 of its parent's key and its path; what is drawn from a stream
comes from a further hash, so parent and child, or the two kinds of generators of one stream, have
nothing in common. Keys have 256 bits: no two of the streams ever made are equal.
"""

from __future__ import annotations

import hashlib
import random
from typing import Final

from numpy.random import Generator, Philox

_WORD: Final = 8
_PHILOX: Final = 16
"""Bytes of a Philox key. Philox is counter-based: its streams are separate by their keys."""


class Chance:
    """A named source of chance. Immutable: the same question has the same answer, always."""

    __slots__ = ("_key", "root")

    def __init__(self, root: int, *, _key: bytes | None = None) -> None:
        self.root = root
        self._key = _digest(b"simulations", _encoded(root)) if _key is None else _key

    def stream(self, *path: str | int) -> Chance:
        """The stream of that name below this one.

        Args:
            path: Who asks, and for what: a word, then perhaps numbers. One path of two steps is
                the same stream as two paths of one.
        """
        key = self._key
        for step in path:
            key = _digest(key, b"child", _encoded(step))
        return Chance(self.root, _key=key)

    def random(self) -> random.Random:
        """A ``random.Random`` at the beginning of this stream: what ``dht.core`` takes."""
        return random.Random(self._drawn(b"random"))

    def generator(self) -> Generator:
        """A numpy generator at the beginning of this stream."""
        return Generator(Philox(key=int.from_bytes(self._drawn(b"philox")[:_PHILOX], "little")))

    def word(self) -> int:
        """64 bits of this stream: the seed of compiled dice."""
        return int.from_bytes(self._drawn(b"word")[:_WORD], "little")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Chance) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return f"<Chance {self._key.hex()[:8]} of root {self.root}>"

    def _drawn(self, what: bytes) -> bytes:
        return _digest(self._key, b"drawn", what)


def _encoded(step: str | int) -> bytes:
    """A step of a path; ``3`` and ``"3"`` are two."""
    return f"{type(step).__name__}:{step}".encode()


def _digest(*parts: bytes) -> bytes:
    # Lengths first, so that no two lists of parts read alike.
    joined = b"".join(len(part).to_bytes(4, "little") + part for part in parts)
    return hashlib.sha256(joined).digest()
