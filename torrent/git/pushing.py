"""What a push does to refs: each moves, or says why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from torrent.git.core import refs as refnames

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from torrent.git.core.helper import Refspec
    from torrent.git.program import Git


class Moved(NamedTuple):
    """What comes of a push.

    Attributes:
        refs: All refs, after it.
        said: Of each target, why it did not move; empty if it did.
    """

    refs: dict[bytes, bytes]
    said: dict[bytes, str]

    @property
    def changes(self) -> bool:
        """Whether anything is to be published."""
        return not all(self.said.values())


async def moved(git: Git, before: Mapping[bytes, bytes], refspecs: Iterable[Refspec]) -> Moved:
    """Move refs as far as they may be moved.

    Git compares refs before it pushes, too; but with ``--force``, or if what the name leads to is
    not here, only this knows. The reasons are those that git knows (``transport-helper.c``).

    Raises:
        RepositoryError: git failed.
    """
    refs, said = dict(before), {}
    for spec in refspecs:
        said[spec.target] = await _move(git, refs, spec)
    return Moved(refs, said)


async def _move(git: Git, refs: dict[bytes, bytes], spec: Refspec) -> str:
    if why := refnames.fault(spec.target):
        return f"{refnames.shown(spec.target)} {why}"
    if not spec.source:
        return "" if refs.pop(spec.target, None) is not None else "no match"
    parsed = await git.attempt(
        "rev-parse", "--verify", "-q", "--end-of-options", spec.source.decode("utf-8", "replace")
    )
    if parsed.code:
        return "no match"
    new, old = bytes.fromhex(parsed.out.decode().strip()), refs.get(spec.target)
    if new == old:
        return "up to date"
    if old is not None and not spec.force and (why := await _loss(git, old, new, spec)):
        return why
    refs[spec.target] = new
    return ""


async def _loss(git: Git, old: bytes, new: bytes, spec: Refspec) -> str:
    """Why moving from ``old`` to ``new`` would lose something; empty if it would not."""
    if await git.missing([old]):
        return "fetch first"
    if not spec.target.startswith(refnames.HEADS):
        return "already exists" if spec.target.startswith(b"refs/tags/") else ""
    ahead = await git.attempt("merge-base", "--is-ancestor", old.hex(), new.hex())
    return "non-fast forward" if ahead.code else ""
