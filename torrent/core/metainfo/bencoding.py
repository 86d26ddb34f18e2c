"""Reading a torrent's bencode: fast where it is canonical, leniently where it is not, bounded.

:mod:`dht.codec.bencode` reads datagrams of a kilobyte; a torrent has up to ten megabytes, and BEP 3
hashes the value of ``info`` as it stands there: "implementations must either reject invalid
metainfo files or extract the substring directly". We do the second, as libtorrent does, because
torrents with unsorted keys exist and their infohash is what it is.

The compiled decoder takes only what is canonical. Of such a value the substring need not be
looked for: canonical bencode has one encoding, so the value encoded again *is* the substring.
Everything else is walked here, with a stack of its own (a bomb of brackets must not find the
interpreter's, GO-2026-6894), a bound on depth and one on the number of tokens. Of a repeated key
the first counts, as for libtorrent.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from dht.codec import bencode
from torrent.errors import MetainfoError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_SIZE: Final = 10_000_000
"""Bytes of a torrent (libtorrent's ``max_buffer_size``). The piece hashes of 0.5 TB in 1 MiB
pieces, v2, take 16 MB: such torrents choose larger pieces."""

MAX_DEPTH: Final = 100
"""Containers in each other (libtorrent's ``max_decode_depth``); not even one token fits into the
hundredth."""

MAX_TOKENS: Final = 3_000_000
"""Strings, integers, brackets and ends (libtorrent's ``max_decode_tokens``): two to three seconds
of the slow walk, which only malformed torrents take."""

MAX_INTEGER: Final = 2**63 - 1

_MAX_DIGITS: Final = 20
_OVERLONG: Final = re.compile(rb"i-?[0-9]{19}")
"""What may be an integer of more than 63 bits."""
_INTEGER: Final = re.compile(rb"i(-?[0-9]+)e")
_LENGTH: Final = re.compile(rb"([0-9]{1,20}):")


def decode(data: bytes, where: str) -> tuple[dict[bytes, Any], bytes]:
    """Decode a dictionary; with it comes the value of its ``info``, as received.

    The second is empty if the dictionary has no ``info``. What follows the dictionary is ignored.

    Args:
        data: At most :data:`MAX_SIZE` bytes, which the caller checks.
        where: What an error calls the whole.

    Raises:
        MetainfoError: It is malformed, exceeds a bound, or is no dictionary.
    """
    value = bencode.decode(data)
    if value is not None and _is_tame(data, value):
        if not isinstance(value, dict):
            raise MetainfoError(where, "it is not a dictionary")
        return value, bencode.encode(value[b"info"]) if b"info" in value else b""
    walk = _Walk(data, where)
    value = walk.run()
    if not isinstance(value, dict):
        raise MetainfoError(where, "it is not a dictionary")
    return value, data[slice(*walk.info)]


def _is_tame(data: bytes, value: Any) -> bool:
    """Whether a value that the fast decoder read keeps our bounds as well.

    Estimates that err on the side of the careful walk, which counts.
    """
    tokens = sum(map(data.count, (b":", b"i", b"l", b"d", b"e"))) if len(data) > MAX_TOKENS else 0
    return tokens <= MAX_TOKENS and not _OVERLONG.search(data) and not _is_deep(value)


def _is_deep(value: Any) -> bool:
    """Whether containers nest too deep, found level by level."""
    level = [value] if type(value) in (dict, list) else []
    for _ in range(MAX_DEPTH - 1):
        level = [child for parent in level for child in _containers(parent)]
        if not level:
            return False
    return True


def _containers(parent: Any) -> Iterator[Any]:
    """The lists and dictionaries directly in a list or dictionary."""
    children = parent.values() if type(parent) is dict else parent
    return (child for child in children if type(child) in (dict, list))


class _Walk:
    """One lenient, bounded pass over ``data``.

    Attributes:
        info: Where the value of the outermost ``info`` begins and ends.
    """

    def __init__(self, data: bytes, where: str) -> None:
        self.info = (0, 0)
        self._data = data
        self._where = where
        self._at = 0
        # The innermost open container is last. Below all is a list for the value itself.
        self._open: list[Any] = [[]]
        self._keys: list[bytes | None] = [None]
        self._begun = 0

    def run(self) -> Any:
        """Decode one value."""
        outermost = self._open[0]
        for _ in range(MAX_TOKENS):
            if len(self._open) > MAX_DEPTH:
                raise self._error(f"nested more than {MAX_DEPTH - 1} deep")
            self._token()
            if outermost and len(self._open) == 1:
                return outermost[0]
        raise self._error(f"more than {MAX_TOKENS} values")

    def _token(self) -> None:
        """Read the next string, integer, bracket or end."""
        kind = self._data[self._at : self._at + 1]
        if kind == b"e" and len(self._open) > 1:
            self._close()
        elif type(self._open[-1]) is dict and self._keys[-1] is None:
            self._keys[-1] = self._string()
            if len(self._open) == 2:  # noqa: PLR2004 - the key of an outermost dictionary
                self._begun = self._at
        elif kind == b"d" or kind == b"l":  # noqa: PLR1714 - `in (...)` is slower
            self._at += 1
            self._put({} if kind == b"d" else [], opened=True)
        else:
            self._put(self._integer() if kind == b"i" else self._string())

    def _put(self, value: Any, *, opened: bool = False) -> None:
        """Add a value to the innermost container; then it may become the innermost itself."""
        parent, key = self._open[-1], self._keys[-1]
        if type(parent) is dict:
            parent.setdefault(key, value)
            if not opened:
                self._ended()
        else:
            parent.append(value)
        if opened:
            self._open.append(value)
            self._keys.append(None)

    def _close(self) -> None:
        """End the innermost container."""
        if self._keys[-1] is not None:
            raise self._error("a key has no value")
        self._open.pop()
        self._keys.pop()
        self._at += 1
        if type(self._open[-1]) is dict:
            self._ended()

    def _ended(self) -> None:
        """The value of the innermost dictionary's key is complete."""
        if len(self._open) == 2 and self._keys[-1] == b"info" and self.info == (0, 0):  # noqa: PLR2004
            self.info = self._begun, self._at
        self._keys[-1] = None

    def _integer(self) -> int:
        found = _INTEGER.match(self._data, self._at, self._at + _MAX_DIGITS + 3)
        number = int(found[1]) if found else MAX_INTEGER + 1
        if found is None or abs(number) > MAX_INTEGER:
            raise self._error("not an integer of 64 bits")
        self._at = found.end()
        return number

    def _string(self) -> bytes:
        found = _LENGTH.match(self._data, self._at)
        if found is None:
            raise self._error("there is no value" if self._at < len(self._data) else "cut short")
        end = found.end() + int(found[1])
        if end > len(self._data):
            raise self._error("a string is longer than what is left")
        self._at = end
        return self._data[found.end() : end]

    def _error(self, fault: str) -> MetainfoError:
        return MetainfoError(self._where, f"{fault} (at byte {self._at})")
