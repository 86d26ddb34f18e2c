"""Packs joined, against packs that git made and reads."""

from __future__ import annotations

import hashlib
import struct

import pytest

from torrent.git.core.packs import LEAST_ENTRY, MAX_OBJECTS, Joiner, joined_places, overhead
from torrent.git.errors import PackError


def pack(*entries: bytes) -> bytes:
    body = struct.pack(">4sII", b"PACK", 2, len(entries)) + b"".join(entries)
    return body + hashlib.sha1(body).digest()


ONE, TWO = pack(b"aaaaaaaaa", b"bbbbbbbbbb"), pack(b"cccccccccccc")
SIZES = [(len(ONE), 2), (len(TWO), 1)]


def joined(joiner: Joiner, packs: list[bytes], step: int) -> bytes:
    out = joiner.header()
    for each in packs:
        joiner.begin()
        for at in range(0, len(each), step):
            out += joiner.feed(each[at : at + step])
    return out + joiner.end()


@pytest.mark.parametrize("step", [1, 5, 12, 13, 1000])
def test_several_are_one(step: int) -> None:
    found = joined(Joiner("sha1", SIZES), [ONE, TWO], step)
    assert found == pack(b"aaaaaaaaa", b"bbbbbbbbbb", b"cccccccccccc")


def test_where_they_end() -> None:
    assert joined_places(SIZES, 20) == [12 + 19, 12 + 19 + 12]
    assert overhead(20) == 32
    assert LEAST_ENTRY == 9


def test_what_is_no_such_pack() -> None:
    for other in (b"JUNK" + ONE[4:], pack(b"x" * len(ONE))):
        with pytest.raises(PackError, match="generation 0 is no pack of 2 objects"):
            joined(Joiner("sha1", SIZES), [other, TWO], 7)
    with pytest.raises(PackError, match="generation 0 has not the length"):
        joined(Joiner("sha1", SIZES), [ONE + b"x", TWO], 7)
    with pytest.raises(PackError, match="generation 1 has not the length"):
        joined(Joiner("sha1", SIZES), [ONE, TWO[:-1]], 1000)
    with pytest.raises(PackError, match="do not fit"):
        Joiner("sha256", [(1, MAX_OBJECTS), (1, 1)]).header()
