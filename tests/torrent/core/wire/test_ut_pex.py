"""ut_pex (BEP 11): who is read from a message, and who is not."""

from __future__ import annotations

from typing import Any

import pytest

from dht.codec.bencode import encode
from torrent.core.wire import MAX_PEERS, Pex, PexFlag
from torrent.core.wire.ut_pex import encode_pex, read_pex
from torrent.errors import WireError

ONE, TWO = ("1.2.3.4", 6881), ("5.6.7.8", 80)
SIX = ("2001:db8::1", 6881)
ONE_COMPACT, TWO_COMPACT = b"\1\2\3\4\x1a\xe1", b"\5\6\7\x08\0\x50"
SIX_COMPACT = bytes.fromhex("20010db8000000000000000000000001 1ae1")


def read(**fields: Any) -> Pex:
    return read_pex(encode({key.replace("_", "."): value for key, value in fields.items()}))


def test_every_field() -> None:
    pex = Pex(((ONE, PexFlag.SEED | PexFlag.UTP), (SIX, 0x10)), (TWO, SIX))
    data = encode(
        {
            "added": ONE_COMPACT,
            "added.f": b"\6",
            "added6": SIX_COMPACT,
            "added6.f": b"\x10",
            "dropped": TWO_COMPACT,
            "dropped6": SIX_COMPACT,
        }
    )
    assert read_pex(data) == pex
    assert encode_pex(pex) == data


def test_nothing_new() -> None:
    assert read() == Pex()
    assert encode_pex(Pex()) == b"de"
    assert read(added=b"", added_f=b"", dropped6=b"") == Pex()


@pytest.mark.parametrize(
    ("flags", "expected"), [(b"", (0, 0)), (b"\1", (1, 0)), (b"\1\2", (1, 2)), (b"\1\2\3", (1, 2))]
)
def test_flags_may_be_missing_or_too_many(flags: bytes, expected: tuple[int, int]) -> None:
    got = read(added=ONE_COMPACT + TWO_COMPACT, added_f=flags)
    assert got.added == tuple(zip((ONE, TWO), expected, strict=True))


def test_a_flood_is_read_only_to_the_cap() -> None:
    four = b"".join(b"\1\2" + number.to_bytes(2, "big") + b"\0\1" for number in range(40000))
    six = SIX_COMPACT * 20000
    pex = read(added=four, added_f=bytes(40000), added6=six, dropped=four, dropped6=six)
    assert len(pex.added) == len(pex.dropped) == 2 * MAX_PEERS == 200
    assert pex.added[0][0] == ("1.2.0.0", 1)


@pytest.mark.parametrize(
    "nobody",
    [
        b"\1\2\3\4\0\0",  # port 0
        b"\0\0\0\0\0\1",  # unspecified
        b"\xe0\0\0\1\0\1",  # multicast
        b"\xff\xff\xff\xff\0\1",  # broadcast
    ],
)
def test_addresses_of_nobody_are_left_out(nobody: bytes) -> None:
    pex = read(added=nobody + ONE_COMPACT, added_f=b"\1\2", dropped=nobody)
    assert pex == Pex(((ONE, 2),))


def test_private_addresses_are_the_swarms_to_judge() -> None:
    assert read(added=b"\x7f\0\0\1\0\1").added == ((("127.0.0.1", 1), 0),)


@pytest.mark.parametrize("key", ["added", "dropped", "added6", "dropped6"])
@pytest.mark.parametrize("size", [1, 5, 7, 17, 19])
def test_half_an_address_is_refused(key: str, size: int) -> None:
    with pytest.raises(WireError, match=f"ut_pex message has a `{key}` that ends inside"):
        read(**{key: b"x" * size})


@pytest.mark.parametrize("key", ["added", "added_f", "dropped", "added6", "added6_f", "dropped6"])
def test_other_types_are_refused(key: str) -> None:
    with pytest.raises(WireError, match="that is not a string"):
        read(**{key: [1]})


def test_what_is_no_dictionary_is_refused() -> None:
    with pytest.raises(WireError, match="ut_pex message is not a bencoded dictionary"):
        read_pex(b"le")
