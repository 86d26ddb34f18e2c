"""What a version of a name has becomes part of a repository: fetched, checked, then moved in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torrent.git.core.needing import asked, first_needed
from torrent.git.errors import PackError
from torrent.git.quarantine import MAX_OBJECT, quarantine

if TYPE_CHECKING:
    from pathlib import Path

    from torrent.git.core.manifest import Manifest
    from torrent.git.fetching import Fetcher
    from torrent.git.program import Git


async def take(
    git: Git, fetcher: Fetcher, manifest: Manifest, largest: int = MAX_OBJECT
) -> tuple[Path, ...]:
    """Have all that the refs of a manifest lead to in a repository.

    Args:
        git: The repository.
        fetcher: Fetches packs.
        manifest: Was signed.
        largest: Bytes of an object that is taken.

    Returns:
        The files that keep what came until refs lead to it; none if all was there.

    Raises:
        PackError: What was fetched is not what was promised, or not fit for a repository.
        TorrentError: It could not be fetched or written.
    """
    first = first_needed(manifest, await git.missing(asked(manifest)))
    if first == len(manifest.generations):
        return ()
    kept = await _received(git, fetcher, manifest, first, largest)
    if kept is None and first:
        # Something here looked as if all it leads to were here, too.
        kept = await _received(git, fetcher, manifest, 0, largest)
    if kept is None:
        raise PackError("its packs do not hold all that its refs lead to: its publisher's fault")
    return kept


async def _received(
    git: Git, fetcher: Fetcher, manifest: Manifest, first: int, largest: int
) -> tuple[Path, ...] | None:
    """Receive the generations from ``first`` on; ``None`` if they are not enough."""
    wanted = manifest.generations[first:]
    async with quarantine(git) as held:
        try:
            await held.receive(manifest, wanted, fetcher.packs(wanted), largest)
        except PackError:
            if first:
                return None
            raise
        return await held.admit() if await held.check(manifest.tips) else None
