"""Names of refs, and object ids, as strangers send them.

A ref's name becomes a path below ``.git`` in every clone, and a word on a line that git reads. So
nothing but what ``git check-ref-format`` takes ever leaves this module, with two rules of our own:
it lies below ``refs/``, or is ``HEAD``; and no name is a directory of another, which no file system
can hold.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from torrent.git.errors import ManifestError

if TYPE_CHECKING:
    from collections.abc import Iterable

HEADS: Final = b"refs/heads/"
HEAD: Final = b"HEAD"
"""The one name outside ``refs/``, for a commit: a HEAD that stands for no branch ("detached")."""

OID_SIZES: Final = {"sha1": 20, "sha256": 32}
"""Bytes of an object id, by the name that git gives the object format."""

MAX_NAME: Final = 1024
"""Bytes of a name: as long as a path may be below some ``.git`` on every file system we know."""
MAX_COMPONENT: Final = 250
"""Bytes between two slashes: file names have 255, of which a lock takes five."""
MAX_REFS: Final = 200_000
"""Refs of a repository: with its pull requests, the largest public ones have some 100,000."""

_FORBIDDEN: Final = re.compile(rb"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|\Z)|[./]\Z")
"""Rules 1 and 3 to 10 of git-check-ref-format(1), as far as they are not implied by ``refs/``."""


def fault(name: bytes) -> str:
    """What is wrong with the name of a ref; empty if nothing is."""
    if not name.startswith(b"refs/"):
        return "is not below refs/"
    if len(name) > MAX_NAME or max(map(len, name.split(b"/"))) > MAX_COMPONENT:
        return "is too long for a path"
    if (found := _FORBIDDEN.search(name)) is not None:
        return f"has {found.group().decode('latin-1')!r}, which git check-ref-format forbids"
    return ""


def check(names: Iterable[bytes], where: str) -> None:
    """Refuse names that could not all be refs of one repository.

    Raises:
        ManifestError: One is no name, or a directory of another.
    """
    known = set(names)
    if len(known) > MAX_REFS:
        raise ManifestError(where, f"{len(known)} refs; {MAX_REFS} are allowed")
    for name in known - {HEAD}:
        if why := fault(name):
            raise ManifestError(f"{where}.{shown(name)}", why)
        for parent in _parents(name):
            if parent in known:
                raise ManifestError(f"{where}.{shown(name)}", f"{shown(parent)} is in its way")


def _parents(name: bytes) -> Iterable[bytes]:
    """The names that are directories of this one."""
    at = name.rfind(b"/")
    while at > 0:
        yield name[:at]
        at = name.rfind(b"/", 0, at)


def shown(name: bytes) -> str:
    """A name in a message."""
    text = name[:MAX_NAME].decode("utf-8", "replace")
    return text if text.isprintable() else repr(text)[1:-1]
