"""The one type of path that a stranger's name can become: relative, sanitised, safe to create.

Names reach us by many doors: a torrent file's list, the file tree of v2, metadata that peers sent
for a magnet link, the target of a symbolic link, the path of a web seed. Clients that checked the
first door and forgot another wrote outside of their directory (CVE-2009-1760, CVE-2007-1384,
CVE-2026-57079). Here every door leads through :meth:`SafePath.of`, and whoever creates files takes
nothing else.

Names are mended rather than refused, and mended as libtorrent mends them (its
``sanitize_append_path_element``), so that a directory begun with one client can be continued with
the other. Elements of libtorrent's rules: slashes and invisible or direction-changing characters
are left out, control characters and what is not UTF-8 become ``_``, nothing, ``.`` and ``..``
become ``_``, and names of more than 240 bytes are cut, keeping a short extension.

Of its rules for Windows we apply three everywhere, so that a torrent has one set of names and a
shared directory holds no name that another system cannot open: no drive letter, no reserved
device name, no space or dot at the end.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from contextlib import suppress
from functools import lru_cache, total_ordering
from typing import TYPE_CHECKING, Final, final
from unicodedata import normalize
from urllib.parse import quote

from torrent.errors import MetainfoError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_DEPTH: Final = 101
"""Elements of a path: the hundred that libtorrent allows a file, and the torrent's own name."""

MAX_ELEMENT: Final = 240
"""Bytes of an element before it is cut. With an extension and a mark of ours it stays below the
255 that file systems allow."""

MAX_DUPLICATES: Final = 500
"""Names tried in vain while duplicates are renamed, in one torrent (libtorrent's
``max_duplicate_filenames``). The work is quadratic in the number of equal names, so that 32 files
of one name are as many as pass."""

_MAX_NAME: Final = 255
_REMEMBERED: Final = 4096
"""Short elements whose mended form is remembered, under two megabytes: directories come again and
again."""
_EXTENSION: Final = 10
"""Bytes at the end of a long name among which a dot is looked for."""


def _characters() -> dict[int, str | None]:
    """What becomes of each character that is not kept."""
    controls = [*range(1, 0x20), *range(0x7F, 0xA0)]
    # NUL and slashes; then what is invisible or turns the direction of writing: marks, embeddings,
    # isolates, joiners. "gpj.exe" can be made to look like "exe.jpg" with them.
    dropped = [0, 0x2F, 0x5C, 0x061C, 0xFEFF]
    for first, last in ((0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x2064), (0x2066, 0x2069)):
        dropped += range(first, last + 1)
    return {**dict.fromkeys(controls, "_"), **dict.fromkeys(dropped)}


_CHARACTERS: Final = _characters()
_DROPPED: Final = re.compile(
    b"(?:%s)*" % b"|".join(re.escape(chr(c).encode()) for c, to in _CHARACTERS.items() if not to)
)
"""A run of characters that are left out; any length of it, since it always matches."""
_DRIVE: Final = re.compile(r"([A-Za-z]):")
_DEVICE: Final = re.compile(
    r"(con|prn|aux|nul|clock\$|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\..*)?",
    re.IGNORECASE | re.DOTALL,
)
_SEQUENCES: Final = ((0x80, 1), (0xC0, 1), (0xE0, 2), (0xF0, 3), (0xF8, 4), (0xFC, 5), (0x100, 1))
"""Length of a UTF-8 sequence by its first byte, below each bound; as libtorrent counts them, also
where what follows is not a sequence."""


@final
@total_ordering
class SafePath:
    """A relative path that cannot leave the directory it is put in.

    Attributes:
        parts: Its elements; at least one. In a torrent of several files the first is the
            torrent's name.
    """

    __slots__ = ("parts",)
    parts: tuple[str, ...]

    def __init__(self) -> None:
        raise TypeError("a SafePath is made by SafePath.of()")

    @classmethod
    def of(cls, components: Sequence[bytes | str]) -> SafePath:
        """Make a safe path of anybody's path elements; each becomes one element.

        Raises:
            MetainfoError: There are none, or more than :data:`MAX_DEPTH`.
        """
        if not components:
            raise MetainfoError("path", "it has no elements")
        if len(components) > MAX_DEPTH:
            raise MetainfoError("path", f"it has {len(components)} levels; {MAX_DEPTH} are allowed")
        return _path(tuple([sanitised(component) or "_" for component in components]))

    def quoted(self) -> str:
        """Write it as the end of a web seed's URL (BEP 19)."""
        return "/".join(quote(part, safe="") for part in self.parts)

    def __str__(self) -> str:
        return "/".join(self.parts)

    def __repr__(self) -> str:
        return f"SafePath({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return self.parts == other.parts if isinstance(other, SafePath) else NotImplemented

    def __lt__(self, other: SafePath) -> bool:
        return self.parts < other.parts

    def __hash__(self) -> int:
        return hash(self.parts)


def _path(parts: tuple[str, ...]) -> SafePath:
    """Make a path of elements that are sanitised already."""
    path = object.__new__(SafePath)
    path.parts = parts
    return path


def sanitised(element: bytes | str) -> str | None:
    """Mend one element; ``None`` if nothing of it can be used.

    The empty element becomes ``_``; ``.``, ``..`` and what consists of characters that are left
    out become nothing.
    """
    raw = element.encode("utf-8", "surrogatepass") if isinstance(element, str) else element
    return _remembered(raw) if len(raw) < MAX_ELEMENT else _sanitised(raw)


def _sanitised(raw: bytes) -> str | None:
    """Mend one element, whatever its length."""
    if not raw:
        return "_"
    text = _mended(raw)
    if text in ("", ".", ".."):
        return None
    # From here on, what only Windows minds.
    text = _DRIVE.sub(r"\1_", text, count=1) if _DRIVE.match(text) else text
    text = text.rstrip(" .")
    return "_" + text if _DEVICE.fullmatch(text) else text or None


_remembered: Final = lru_cache(_REMEMBERED)(_sanitised)


def _mended(raw: bytes) -> str:
    """Leave out, replace and cut; nearly every name needs none of it."""
    if len(raw) < MAX_ELEMENT:
        with suppress(UnicodeDecodeError):
            return raw.decode().translate(_CHARACTERS)
    kept, size, at, extended = [], 0, 0, False
    while (at := _DROPPED.match(raw, at).end()) < len(raw):  # type: ignore[union-attr]
        before, (char, at) = at, _character(raw, at)
        char = char.translate(_CHARACTERS)
        kept.append(char)
        size += len(char.encode())
        if size >= MAX_ELEMENT and not extended:
            dot = raw.rfind(b".", max(len(raw) - _EXTENSION, before) + 1)
            if dot < 0:
                break
            at, extended = dot, True
    return "".join(kept)


def _character(raw: bytes, at: int) -> tuple[str, int]:
    """The character at ``at`` and where the next one begins; ``_`` for what is not UTF-8."""
    end = at + next(length for bound, length in _SEQUENCES if raw[at] < bound)
    try:
        return raw[at:end].decode(), end
    except UnicodeDecodeError:
        return "_", end


class Directories:
    """The directories that some paths need, asked for by their text.

    A sorted list of parents and a binary search, not a set of all ancestors: a hostile torrent of
    10 MB can name three million of these.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        parents = {path.rpartition("/")[0] for path in paths}
        self._sorted: Final = sorted(parents - {""})

    def __contains__(self, path: str) -> bool:
        """Whether ``path`` is one of the parents or an ancestor of one."""
        return any(
            at < len(self._sorted) and (self._sorted[at] + "/").startswith(path + "/")
            # "a.b" sorts between "a" and "a/b", so the two need a search each.
            for at in (bisect_left(self._sorted, path), bisect_left(self._sorted, path + "/"))
        )


def _folded(path: str) -> str:
    """What two names have in common that a case- or form-blind file system takes for one.

    Unicode 3.13, D145: canonical caseless matching. macOS and Windows do this or less.
    """
    if path.isascii():
        return path.lower()
    return normalize("NFD", normalize("NFD", path).casefold())


def unique(paths: Sequence[SafePath]) -> list[SafePath]:
    """Rename files that cannot stand beside the others: ``x.txt`` becomes ``x.1.txt``.

    A file gives way to earlier files of that name and to any directory of that name, where names
    that differ only in case count as the same.

    Raises:
        MetainfoError: There are too many (:data:`MAX_DUPLICATES`): nobody means well by that.
    """
    keys = [_folded(str(path)) for path in paths]
    directories, taken, tries = Directories(keys), set[str](), 0
    found = list(paths)
    for index, key in enumerate(keys):
        number, free = 0, key
        while free in taken or free in directories:
            tries += bool(number)
            number += 1
            if tries > MAX_DUPLICATES:
                raise MetainfoError("info", f"more than {MAX_DUPLICATES} duplicate file names")
            found[index] = _numbered(paths[index], number)
            free = _folded(str(found[index]))
        taken.add(free)
    return found


def _numbered(path: SafePath, number: int) -> SafePath:
    """Put a number before the extension."""
    stem, dot, extension = path.parts[-1].rpartition(".")
    if not dot:
        stem, extension = extension, ""
    tail = f".{number}{dot}{extension}"
    if len((stem + tail).encode()) > _MAX_NAME:
        stem = stem.encode()[: MAX_ELEMENT - len(tail.encode())].decode("utf-8", "ignore")
    return _path((*path.parts[:-1], stem + tail))
