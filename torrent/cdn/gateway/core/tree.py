"""The files of a torrent as a visitor sees them: directories, by name.

The torrent's own name, which all its files share as their first element, is left out: a site's
``index.html`` is at its root. A torrent of a single file has a root with that file in it.

Directories are made from the list of files, so there are no empty ones; and since all names are
sanitised and unique (:mod:`torrent.core.metainfo`), a path is looked up in a table and nothing is
ever joined, resolved or touched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from torrent.cdn.gateway.core.errors import Refused

if TYPE_CHECKING:
    from torrent.core.metainfo import Info

Path: TypeAlias = tuple[str, ...]

MAX_FILES: Final = 100_000
"""Files of a torrent that is served: a large site has some ten thousand, and each takes about
200 bytes of memory for as long as the torrent is at hand."""
_LINKS: Final = 8
"""Symbolic links that are followed after each other; rings end here, too."""


class Entry(NamedTuple):
    """One line of a directory's listing.

    Attributes:
        name: What it is called.
        size: Bytes of a file; ``None`` of a directory.
    """

    name: str
    size: int | None


class Tree:
    """All paths of a torrent.

    Attributes:
        info: The torrent.
        files: The index of each file, by its path below the root.
    """

    def __init__(self, info: Info) -> None:
        """Make the tables.

        Raises:
            Refused: The torrent has too many files.
        """
        if len(info.files) > 2 * MAX_FILES:  # A hybrid has a pad file for each.
            raise Refused(
                502, f"it has {len(info.files)} files, more than a gateway holds ({MAX_FILES})"
            )
        self.info: Final = info
        below = 1 if info.multifile else 0
        self.files: Final[dict[Path, int]] = {
            file.path.parts[below:]: index
            for index, file in enumerate(info.files)
            if not file.pad and len(file.path.parts) > below
        }
        self._directories: Final = _directories(self.files)

    def file(self, path: Path) -> int | None:
        """The index of a file; of a link, that of the file it leads to."""
        for _ in range(_LINKS):
            index = self.files.get(path)
            link = None if index is None else self.info.files[index].symlink
            if link is None:
                return index
            path = link.parts[1 if self.info.multifile else 0 :]
        return None

    def is_directory(self, path: Path) -> bool:
        """Whether there are files below it."""
        return path in self._directories

    def entries(self, path: Path) -> list[Entry]:
        """What is in a directory: directories first, each sorted by name.

        Raises:
            KeyError: It is none.
        """
        found = [
            Entry(name, None if (*path, name) in self._directories else self._size((*path, name)))
            for name in self._directories[path]
        ]
        return sorted(found, key=lambda entry: (entry.size is not None, entry.name))

    def _size(self, path: Path) -> int:
        index = self.file(path)
        return 0 if index is None else self.info.files[index].length


def _directories(files: dict[Path, int]) -> dict[Path, dict[str, None]]:
    """The names in each directory."""
    found: dict[Path, dict[str, None]] = {(): {}}
    for path in files:
        for depth in range(len(path), 0, -1):
            above = found.setdefault(path[: depth - 1], {})
            if path[depth - 1] in above:
                break
            above[path[depth - 1]] = None
    return found
