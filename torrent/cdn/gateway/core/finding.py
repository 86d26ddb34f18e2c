"""What is at a path of a site: a file, a listing, another place, or nothing.

In this order: a file of that name; the ``index.html`` of a directory, or its listing; what the
site's ``_redirects`` say (:mod:`.redirects`); the nearest ``404.html`` on the way up to the root;
nothing. A directory without a slash at its end is sent there, or relative links in its page would
lead astray; a file with one does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import quote

from torrent.cdn.gateway.core.errors import Refused
from torrent.cdn.gateway.core.redirects import MOVED
from torrent.cdn.gateway.core.route import element

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torrent.cdn.gateway.core.redirects import Rule
    from torrent.cdn.gateway.core.route import Route
    from torrent.cdn.gateway.core.tree import Tree

_INDEX: Final = "index.html"
_MISSING: Final = "404.html"


@dataclass(frozen=True, slots=True)
class Found:
    """A file is to be sent.

    Attributes:
        file: Its index.
        status: 200, or what a rule says.
    """

    file: int
    status: int = 200


@dataclass(frozen=True, slots=True)
class Listed:
    """A directory is to be shown."""

    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Moved:
    """The visitor is to go elsewhere."""

    location: str
    status: int


Outcome: TypeAlias = Found | Listed | Moved


def present(tree: Tree, route: Route) -> Outcome | None:
    """What is at a path; ``None`` if nothing is."""
    file = None if route.slash else tree.file(route.path)
    if file is not None:
        return Found(file)
    if tree.is_directory(route.path):
        if route.slash or not route.path:
            return _directory(tree, route)
        return Moved(f"{route.url(route.path)}/", 301)
    return None


def absent(tree: Tree, route: Route, rules: Sequence[Rule]) -> Found | Moved:
    """What is said of a path at which nothing is.

    Raises:
        Refused: Nothing; or a rule says that, without a page to show.
    """
    for rule in rules:
        target = rule.match(route.path)
        if target is not None:
            return _obeyed(tree, route, target, rule.status)
    return _missing(tree, route)


def _directory(tree: Tree, route: Route) -> Outcome:
    if not route.slash:
        return Moved(f"{route.mount}/", 301)
    index = tree.file((*route.path, _INDEX))
    return Listed(route.path) if index is None else Found(index)


def _obeyed(tree: Tree, route: Route, target: str, status: int) -> Found | Moved:
    """Do what a rule says."""
    if status in MOVED:
        ascii_ = quote(target, safe="/:?#[]@!$&'()*+,;=%~")
        # One slash: two at the root of a host would be the beginning of another's.
        inside = f"{route.mount}/{ascii_.lstrip('/')}"
        return Moved(inside if target.startswith("/") else ascii_, status)
    parts = target.partition("?")[0].partition("#")[0].split("/")
    path = tuple(element(part) for part in parts if part)
    index = tree.file(path)
    if index is None:
        index = tree.file((*path, _INDEX))
    if index is None:
        raise Refused(404 if status == 200 else status, "so the site's _redirects say")  # noqa: PLR2004
    return Found(index, status)


def _missing(tree: Tree, route: Route) -> Found:
    """The nearest page that the site has for it.

    Raises:
        Refused: There is none.
    """
    for depth in range(len(route.path), -1, -1):
        index = tree.file((*route.path[:depth], _MISSING))
        if index is not None:
            return Found(index, 404)
    raise Refused(
        404, f"this torrent has {len(tree.files)} files, and none of them is {_shown(route)}"
    )


def _shown(route: Route) -> str:
    return "/".join(route.path)[:200] + ("/" if route.slash else "")
