"""Bencode (BEP 3): the one module that knows both libraries, and where a value lies in a message.

Two readers, because one cannot be both. ``bencode2`` is compiled, about twenty times faster than
a Python decoder, and *strict*: it takes the canonical form and nothing else (sorted unique keys,
no leading zeros, no ``-0``, no trailing bytes). A share of the real network is not canonical:
clients forget to sort, or send a key twice. So an envelope that the fast reader refuses gets a
second chance with ``bencode.py``, which is lenient about the order of keys, within bounds that
keep its worst case in the tens of microseconds.

The strictness is useful in itself: canonical bencode is a bijection, and that is what a stored
value must be (:func:`is_canonical`).

Neither library says *where* a value was. BEP 44 and BEP 3 hash a value exactly as it was received
("Decoding and then re-encoding bencoded structures is not necessarily an identity operation"),
so :func:`raw_value` walks the bytes itself. The walk is iterative and bounded in depth and length,
so a bomb of brackets exhausts neither stack nor time; it also guards the two libraries.

Every function here takes bytes from strangers and answers with ``None`` instead of raising.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import bencode2
import bencodepy

if TYPE_CHECKING:
    from collections.abc import Callable

Value: TypeAlias = "int | bytes | list[Value] | dict[bytes, Value]"
"""What a decoder returns. Encoders take ``str`` and tuples as well."""

Envelope: TypeAlias = dict[bytes, Any]
"""A decoded message: any key may be missing, any value of any type."""

MAX_LENIENT_SIZE: Final = 4096
"""Bytes the slow reader is given: four times what BEP 32 lets a node send, and at its speed
(about 40 MB/s) a tenth of a millisecond."""

MAX_DEPTH: Final = 64
"""KRPC nests three deep, plus the value of a BEP 44 item."""

_MAX_TOKENS: Final = 2048
"""Brackets, strings and integers the walk looks at: an answer with 128 peers has 150, a value of
1000 bytes at most 1000. It bounds the walk to about half a millisecond."""

_MAX_BRACKETS: Final = 24
"""Letters that may be opening brackets before a message is walked first. bencode2 unwinds a C++
exception through every level it is in, a microsecond or two each: one packet of open brackets
would cost as much as a thousand queries. Ordinary messages have less than ten such bytes."""

_SHORT: Final = 160
"""In so few bytes only lists are counted: a dictionary takes three bytes a level. Most queries
are shorter, and this spares them a search."""

_MAX_DIGITS: Final = 20
"""Digits of the longest length worth reading. (Integers need no bound of their own: CPython parses
at most 4300 digits, in a few microseconds.)"""

_DECODE_ERRORS: Final = (ValueError, RecursionError)
"""What bencode2 raises: its own ValueError, CPython's for too many digits, and, where its
compiled form is missing, the interpreter's limit of depth."""

_LENIENT: Final = bencodepy.Bencode(max_depth=MAX_DEPTH)

encode: Final[Callable[[Any], bytes]] = bencode2.bencode
"""Encode our own ints, bytes, strings, lists, tuples and dictionaries canonically."""

_bdecode: Final = bencode2.bdecode

_NINE, _INTEGER, _END = b"9ie"
_OPEN: Final = b"ld"


def decode(data: bytes) -> Value | None:
    """Decode canonical bencode; ``None`` if ``data`` is anything else."""
    try:
        value: Value = _bdecode(data)
    except _DECODE_ERRORS:
        return None
    return value


def decode_untrusted(data: bytes) -> Envelope | None:
    """Decode a message from the network, leniently; ``None`` unless it is a dictionary."""
    brackets = data.count(b"l") + (data.count(b"d") if len(data) > _SHORT else 0)
    if brackets > _MAX_BRACKETS and _skip(data, 0) != len(data):
        return None
    try:
        value = _bdecode(data)
    except _DECODE_ERRORS:
        value = _decode_leniently(data)
    return value if type(value) is dict else None


def _decode_leniently(data: bytes) -> Any:
    """Read a dictionary whose keys are unsorted or repeated (the last one wins).

    The walk goes first. It makes sure that brackets match and that lengths stay inside ``data``,
    which the lenient library does not check in time.
    """
    if len(data) > MAX_LENIENT_SIZE or not data.startswith(b"d"):
        return None
    if _skip(data, 0) != len(data):
        return None
    try:
        return _LENIENT.decode(data)
    except bencodepy.BencodeDecodeError:
        return None


def is_canonical(raw: bytes) -> bool:
    """Whether ``raw`` is exactly one canonical bencoded value, fit to be stored and signed."""
    return decode(raw) is not None


def raw_value(data: bytes, *path: bytes) -> bytes | None:
    """The bytes of the value at ``path`` in the dictionary ``data``, exactly as received.

    ``raw_value(packet, b"r", b"v")`` is the encoding of ``v`` inside ``r``. Of a repeated key the
    last counts, as it does for the lenient reader.
    """
    start, end = 0, len(data)
    for key in path:
        found = _find(data, start, key)
        if found is None:
            return None
        start, end = found
    return data[start:end]


def raw_item(data: bytes, fields: Envelope, path: bytes) -> bytes | None:
    """The bytes of the value of ``v`` in ``fields``, the dictionary of ``data`` under ``path``.

    Nearly always it is a string in the one form that is canonical, and found by looking for that:
    a twentieth of the walk's cost. Elsewhere in ``data`` it would be the same bytes.
    """
    value = fields.get(b"v")
    if value is None:
        return None
    if type(value) is bytes:
        written = b"1:v%d:%b" % (len(value), value)
        if written in data:
            return written[3:]
    return raw_value(data, path, b"v")


def leading_value(data: bytes) -> bytes | None:
    """The bytes of the value that ``data`` begins with, whatever follows it.

    BEP 9 puts the metadata behind a dictionary, in the same message.
    """
    end = _skip(data, 0)
    return data[:end] if end > 0 else None


def _find(data: bytes, start: int, key: bytes) -> tuple[int, int] | None:
    """Where the value of ``key`` lies, in the dictionary that begins at ``start``."""
    if data[start : start + 1] != b"d":
        return None
    at, found = start + 1, None
    while data[at : at + 1] != b"e":
        begin = _skip_string(data, at)
        end = _skip(data, begin)
        if end < 0:
            return None
        if data[at:begin].partition(b":")[2] == key:
            found = begin, end
        at = end
    return found


def _skip(data: bytes, at: int) -> int:
    """The index after the value that begins at ``at``, or -1 if there is none within bounds.

    Only the shape is looked at: keys are walked as values are, digits of integers not read.
    """
    depth, size = 0, len(data)
    for _ in range(_MAX_TOKENS):
        if not 0 <= at < size:
            return -1
        kind = data[at]
        if kind <= _NINE:  # or a byte below the digits, which is not found to be a length
            at = _skip_string(data, at)
        elif kind == _INTEGER:
            at = data.find(b"e", at + 1) + 1 or -1
        elif kind in _OPEN:
            depth += 1
            at += 1
        elif kind == _END and depth:
            depth -= 1
            at += 1
        else:
            return -1
        if not depth:
            return at
        if depth > MAX_DEPTH:
            return -1
    return -1


def _skip_string(data: bytes, at: int) -> int:
    """The index after the string that begins at ``at``, or -1."""
    colon = data.find(b":", at, at + _MAX_DIGITS)
    digits = data[at:colon]
    if colon < 0 or not digits.isdigit():
        return -1
    end = colon + 1 + int(digits)
    return end if end <= len(data) else -1
