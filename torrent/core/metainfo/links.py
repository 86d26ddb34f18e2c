"""Symbolic links in torrents (BEP 47): where they lead, if they stay inside.

"The target path is relative to the root of the torrent": a link may lead to a file or a directory
of the same torrent and to nothing else. Older torrents have it relative to the link, which is
tried second. The way may lead through other links (``Versions/Current/Headers`` in every macOS
framework), so what looks like no directory is followed, as a kernel would follow it.

A link that leads out of the torrent, nowhere, or in a circle is kept, since its place in the list
of files counts, but made to point at itself (as in libtorrent). Nobody creates such a link.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from torrent.core.metainfo.paths import MAX_DEPTH, Directories, SafePath
from torrent.errors import MetainfoError

if TYPE_CHECKING:
    from collections.abc import Sequence

_MAX_HOPS: Final = 40
"""Links on the way to one target: Linux gives up (ELOOP) after as many."""

_MAX_STEPS: Final = 1_000_000
"""Directories looked at for all links together, about a second. A framework needs some hundreds."""


def resolved(
    paths: Sequence[SafePath], targets: Sequence[SafePath | None]
) -> list[SafePath | None]:
    """The target of every file that is a link, checked; ``None`` of others.

    Args:
        paths: All files of the torrent.
        targets: For each, where it links to; as the torrent has it, after sanitising.

    Raises:
        MetainfoError: Following them takes too long; nobody means well by that.
    """
    if not any(targets):
        return [None] * len(paths)
    return _Links(paths, targets).resolved()


class _Links:
    """The names in a torrent with links, as texts."""

    def __init__(self, paths: Sequence[SafePath], targets: Sequence[SafePath | None]) -> None:
        pairs = list(zip(paths, targets, strict=True))
        self._pairs: Final = pairs
        self._is_link: Final = {str(path): target is not None for path, target in pairs}
        self._directories: Final = Directories(self._is_link)
        self._leads: Final[dict[str, str]] = {}
        self._steps = 0

    def resolved(self) -> list[SafePath | None]:
        """Settle what names a file or directory; then follow the rest by way of these."""
        found = [target and self._settled(path, target) for path, target in self._pairs]
        return [
            path if target is not None and not self._leads_inside(str(target)) else target
            for (path, _), target in zip(self._pairs, found, strict=True)
        ]

    def _settled(self, path: SafePath, target: SafePath) -> SafePath:
        """What a target names, seen from the root of the torrent or from where the link is."""
        relative = [*path.parts[:-1], *target.parts[1:]]
        choices = [target, SafePath.of(relative)] if 0 < len(relative) <= MAX_DEPTH else [target]
        chosen = next((choice for choice in choices if self._exists(str(choice))), target)
        if self._is_link.get(str(chosen), True):  # anything but an ordinary file may lead on
            self._leads[str(path)] = str(chosen)
        return chosen

    def _exists(self, path: str) -> bool:
        """Whether the torrent has a file or directory of this name."""
        return path in self._is_link or path in self._directories

    def _leads_inside(self, target: str) -> bool:
        """Whether ``target`` is in the torrent once the links on the way to it are followed."""
        if self._exists(target):
            return True
        for _ in range(_MAX_HOPS + 1):
            end = self._first_obstacle(target)
            if end < 0:
                return self._exists(target)
            onward = self._leads.get(target[:end])
            if onward is None:
                return False
            target = onward + target[end:]
        return False

    def _first_obstacle(self, target: str) -> int:
        """Where the first prefix of ``target`` ends that is no directory; -1 if all are."""
        end = target.find("/")
        while end >= 0 and target[:end] in self._directories:
            end = target.find("/", end + 1)
            self._steps += 1
            if self._steps > _MAX_STEPS:
                raise MetainfoError("info", "its symbolic links are too entangled to follow")
        return end
