"""What the fuzzers do to good bytes: blind blows, and what makes readers of bencode stumble."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from dht.codec.bencode import decode_untrusted, encode

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

NUMBERS: Final = [b"-1", b"0", b"00", b"20", b"65535", b"65536", b"9" * 20, b"9" * 4400, b"-0", b""]
PIECES: Final = [
    b"d",
    b"l",
    b"e",
    b"i",
    b":",
    b"0:",
    b"de",
    b"le",
    b"i0e",
    b"1:a",
    b"2:id20:",
    b"l" * 50,
    b"d0:" * 50,
    b"\0",
    b"\xff" * 4,
]

_DIGITS: Final = re.compile(rb"[0-9]+")
NAMES: Final = [b"want", b"noseed", b"seq", b"k", b"sig", b"v", b"values", b"nodes6", b"ip", b"ro"]
VALUES: Final[list[object]] = [
    0,
    1,
    -1,
    2**63,
    10**40,
    b"",
    b"x",
    b"y" * 20,
    b"z" * 32,
    b"s" * 64,
    b"n" * 52,
    b"f" * 256,
    b"h" * 1500,
    [],
    [b"n4", b"n6"],
    [b"v" * 6, b"w" * 18, 5],
    [203, b"no"],
    [[[[]]]],
    {},
    {b"id": b"i" * 20},
    {b"b": {b"a": [1, {}]}},
]


def flip(data: bytes, rng: Random, _other: bytes) -> bytes:
    """Change a byte."""
    at = rng.randrange(len(data))
    return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]


def cut(data: bytes, rng: Random, _other: bytes) -> bytes:
    """Leave out a stretch."""
    start, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return data[:start] + data[end:]


def truncate(data: bytes, rng: Random, _other: bytes) -> bytes:
    """Leave out the end."""
    return data[: rng.randrange(len(data) + 1)]


def repeat(data: bytes, rng: Random, _other: bytes) -> bytes:
    """Say a stretch twice or many times."""
    start, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return data[:end] + data[start:end] * rng.choice((1, 1, 2, 30)) + data[end:]


def splice(data: bytes, rng: Random, other: bytes) -> bytes:
    """Go on as another packet."""
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def insert(data: bytes, rng: Random, _other: bytes) -> bytes:
    """Put in a piece of bencode."""
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(PIECES) + data[at:]


def renumber(data: bytes, rng: Random, _other: bytes) -> bytes:
    """Change a length or an integer."""
    number = _DIGITS.search(data, rng.randrange(len(data)))
    if number is None:
        return data
    return data[: number.start()] + rng.choice(NUMBERS) + data[number.end() :]


def rewrite(data: bytes, rng: Random, _other: bytes) -> bytes:
    """Replace, add or leave out a field, inside or outside, and encode properly."""
    fields = decode_untrusted(data)
    if not fields:
        return data
    inner = [value for value in fields.values() if type(value) is dict and value]
    place = rng.choice(inner) if inner and rng.random() < 0.7 else fields
    name = rng.choice([*place, rng.choice(NAMES)])
    if rng.random() < 0.3:
        place.pop(name, None)
    else:
        place[name] = rng.choice(VALUES)
    return encode(fields)


def shuffle(data: bytes, rng: Random, _other: bytes) -> bytes:
    """Forget to sort the keys of the outermost dictionary."""
    fields = list((decode_untrusted(data) or {}).items())
    rng.shuffle(fields)
    return b"d%be" % b"".join(encode(key) + encode(value) for key, value in fields)


OF_BYTES: Final[list[Callable[[bytes, Random, bytes], bytes]]] = [
    flip,
    cut,
    truncate,
    repeat,
    splice,
    insert,
    renumber,
]
MUTATIONS: Final = [*OF_BYTES, rewrite, shuffle]
WEIGHTS: Final = [3, 1, 1, 1, 1, 2, 3, 8, 3]
"""The later ones leave packets that are understood, and so reach deeper."""
