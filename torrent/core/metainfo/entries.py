"""The two lists of files an info dictionary can have: v1's ``files`` and v2's ``file tree``.

Each becomes a list of entries in the order of the torrent. How they lie in pieces, and whether
the two lists of a hybrid agree, is the business of :mod:`torrent.core.metainfo.reading`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from torrent.core.metainfo.fields import Fields
from torrent.core.metainfo.merkle import HASH
from torrent.core.metainfo.paths import SafePath
from torrent.errors import MetainfoError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_DIRECTORIES: Final = 100
"""Elements of a path under the torrent's name (libtorrent's ``max_directory_depth``)."""

MAX_FILE: Final = (2**30 - 1) * 16384
"""Bytes of a file: libtorrent's bound, so that the blocks of a file can be counted in an int."""

MAX_TOTAL: Final = 2**48 - 1
"""Bytes of a torrent, pads included: libtorrent's bound."""

_BITCOMET_PAD: Final = "_____padding_file_"
"""How BitComet named pad files before BEP 47 gave them an attribute."""


@dataclass(slots=True)
class Entry:
    """One file as the torrent lists it.

    Attributes:
        target: Where a symbolic link leads, before it is known whether that exists.
    """

    path: SafePath
    length: int
    pad: bool = False
    executable: bool = False
    hidden: bool = False
    target: SafePath | None = None
    root: bytes | None = None


def single(info: Fields, name: SafePath) -> Entry:
    """The only file of a v1 torrent: the info dictionary is its description (BEP 3)."""
    return _entry(info, name, [])


def listed(files: list[Any], name: str) -> list[Entry]:
    """The files of v1's list.

    Raises:
        MetainfoError: One is malformed.
    """
    return [_listed(values, f"info.files[{index}]", name) for index, values in enumerate(files)]


def _listed(values: Any, where: str, name: str) -> Entry:
    """One file of v1's list."""
    if type(values) is not dict:
        raise MetainfoError(where, "it is not a dictionary")
    fields = Fields(values, where)
    elements = fields.items("path.utf-8", "path")
    if elements:
        key = "path.utf-8" if fields.items("path.utf-8") else "path"
        return _entry(fields, SafePath.of([name, *_elements(fields, key, elements)]), [name])
    if "p" not in _attributes(fields):
        raise fields.error("path", "it is missing, or empty")
    return _entry(fields, SafePath.of([".pad", str(_length(fields))]), [name])


def _elements(fields: Fields, key: str, elements: list[Any]) -> list[bytes]:
    """The elements of a path."""
    if len(elements) > MAX_DIRECTORIES:
        raise fields.error(key, f"{len(elements)} levels; {MAX_DIRECTORIES} are allowed")
    if not all(type(element) is bytes for element in elements):
        raise fields.error(key, "an element is not a string")
    return elements


def _entry(fields: Fields, path: SafePath, above: Sequence[str]) -> Entry:
    """Read what descriptions of v1 and v2 files have in common.

    Args:
        fields: The description.
        path: Its sanitised path.
        above: What precedes link targets: the torrent's name, if it is a directory.
    """
    attributes = _attributes(fields)
    target = _target(fields, above) if "l" in attributes else None
    return Entry(
        path,
        _length(fields),
        pad="p" in attributes or _BITCOMET_PAD in str(path),
        executable="x" in attributes,
        hidden="h" in attributes,
        target=target,
    )


def _attributes(fields: Fields) -> str:
    """The letters of BEP 47; others "should be ignored"."""
    return (fields.string("attr") or b"").decode("ascii", "replace")


def _length(fields: Fields) -> int:
    """The length of a file; links have none, whatever they say."""
    if "l" in _attributes(fields):
        return 0
    length = fields.integer("length", -1)
    if not 0 <= length <= MAX_FILE:
        raise fields.error("length", f"missing, negative, or more than {MAX_FILE}")
    return length


def _target(fields: Fields, above: Sequence[str]) -> SafePath | None:
    """Where a link leads; ``None`` if it does not say, and then it is an empty file.

    BEP 47 forbids ``.`` and ``..`` here. There are torrents that have them; we leave them out, as
    libtorrent does, and then the rest either names something in the torrent or it does not.
    """
    elements = _elements(fields, "symlink path", fields.items("symlink path") or [])
    kept = [element for element in elements if element not in (b".", b"..")]
    return SafePath.of([*above, *kept]) if kept else None


def tree(top: dict[bytes, Any], name: str, *, multifile: bool) -> list[Entry]:
    """The files of v2's tree (BEP 52), in its order.

    A tree of one file stands for that file, without a directory of the torrent's name, unless
    the v1 half of a hybrid (``multifile``) says otherwise.

    Raises:
        MetainfoError: The tree is malformed.
    """
    above = [name] if multifile or not _is_lone_file(top) else []
    return list(_walk(top, above))


def _is_lone_file(top: dict[bytes, Any]) -> bool:
    """Whether a tree holds one file and no directory."""
    return len(top) == 1 and all(_is_file(node) for node in top.values())


def _is_file(node: Any) -> bool:
    """A file is a dictionary of one entry with an empty key: no file can have an empty name."""
    return type(node) is dict and list(node) == [b""]


def _walk(top: dict[bytes, Any], above: list[str]) -> Iterator[Entry]:
    """Walk a tree depth first, with a stack of our own."""
    names: list[bytes] = []
    stack = [iter(top.items())]
    while stack:
        key, node = next(stack[-1], (None, None))
        if key is None:
            stack.pop()
            del names[-1:]
            continue
        where = _shown([*names, key])
        if type(node) is not dict or not key:
            raise MetainfoError(where, "neither a file nor a directory, or without a name")
        if _is_file(node):
            yield _leaf(node[b""], where, SafePath.of([*above, *names, key]), above)
        elif len(stack) > MAX_DIRECTORIES:
            raise MetainfoError(where, f"more than {MAX_DIRECTORIES} levels")
        else:
            stack.append(iter(node.items()))
            names.append(key)


def _shown(names: list[bytes]) -> str:
    """Name a node of the tree in an error."""
    path = "/".join(name.decode("utf-8", "replace") for name in names)
    return f"info.file tree[{path!r}]"


def _leaf(values: Any, where: str, path: SafePath, above: list[str]) -> Entry:
    """One file of a tree."""
    if type(values) is not dict:
        raise MetainfoError(where, "a file's description is not a dictionary")
    fields = Fields(values, where)
    if "p" in _attributes(fields):
        raise fields.error("attr", "v2 has no pad files")
    entry = _entry(fields, path, above)
    entry.pad = False
    if entry.length:
        root = fields.string("pieces root")
        if root is None or len(root) != HASH or not any(root):
            raise fields.error("pieces root", f"missing, zero, or not of {HASH} bytes")
        entry.root = root
    return entry
