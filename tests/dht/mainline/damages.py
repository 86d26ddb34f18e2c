"""What can be wrong with a field, and a dialect to send it to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.dht.mainline.pair import make

if TYPE_CHECKING:
    from dht.mainline.krpc import Incoming, Rejected

SOURCE = ("8.7.6.5", 4321)
ID, KEY = b"i" * 20, b"k" * 20
PUBLIC, SIG = b"p" * 32, b"s" * 64

MISSING = object()
WRONG_TYPES = [0, -1, 10**30, [], [b"x"], {}, {b"x": 1}]
DAMAGES = {
    "missing": MISSING,
    "empty": b"",
    "short": b"x",
    "a byte less": b"x" * 19,
    "a byte more": b"x" * 21,
    "huge": b"x" * 4000,
    **{f"type {each!r}": each for each in WRONG_TYPES},
}
damages = pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())


def receive(data: bytes) -> Incoming | Rejected | None:
    return make().decode_untrusted(data, SOURCE)
