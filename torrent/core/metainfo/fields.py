"""A dictionary from a stranger, read field by field, that knows its own name for errors.

libtorrent treats an optional field of the wrong type as one that is not there, and so do we:
clients have written stranger things than ``l`` where a dictionary belonged.
"""

from __future__ import annotations

from typing import Any, Final

from torrent.errors import MetainfoError


class Fields:
    """The fields of one dictionary.

    Attributes:
        where: What errors call the dictionary: ``info.files[3]``; empty for the outermost.
    """

    __slots__ = ("_values", "where")

    def __init__(self, values: dict[bytes, Any], where: str) -> None:
        self._values: Final = values
        self.where: Final = where

    def integer(self, key: str, default: int) -> int:
        """An integer, or ``default``."""
        value = self._values.get(key.encode())
        return value if type(value) is int else default

    def string(self, *keys: str) -> bytes | None:
        """The string under the first of the keys that has one."""
        found = (self._values.get(key.encode()) for key in keys)
        return next((value for value in found if type(value) is bytes), None)

    def items(self, *keys: str) -> list[Any] | None:
        """The list under the first of the keys that has one."""
        found = (self._values.get(key.encode()) for key in keys)
        return next((value for value in found if type(value) is list), None)

    def fields(self, key: str) -> dict[bytes, Any] | None:
        """The dictionary under a key."""
        value = self._values.get(key.encode())
        return value if type(value) is dict else None

    def has(self, key: str) -> bool:
        """Whether anything is under a key."""
        return key.encode() in self._values

    def value(self, key: str) -> Any:
        """Whatever is under a key."""
        return self._values.get(key.encode())

    def text(self, *keys: str) -> str:
        """A text for people, without what would move their cursor; empty if there is none."""
        raw = next((found for key in keys if (found := self.string(key))), b"")
        return raw.decode("utf-8", "replace")

    def error(self, key: str, fault: str) -> MetainfoError:
        """What to raise about a field."""
        return MetainfoError(f"{self.where}.{key}" if self.where else key, fault)
