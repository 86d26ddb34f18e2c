"""What a path means: which name or torrent, and which of its files.

============================  ==================================================================
``/btpk/NAME/a/b``            the file ``a/b`` of the newest version of a name
``/btih/HASH/a/b``            the same of one torrent, which never changes
============================  ==================================================================

A site that has a host to itself (:mod:`.hosts`) has its root at ``/`` there.

NAME is ``k51...``, or the key in 64 hexadecimal digits; its salt, if it has one, follows a tilde
(``k51...~blog``), since a slash would end the element. HASH is 40 digits, or a v2 torrent's 64.

**Nothing here becomes a path on disk.** Elements are compared with the names of the torrent's
files (:mod:`.tree`), which are sanitised (:class:`~torrent.core.metainfo.SafePath`), and only an
index comes out of that. What no file can be called, ``..`` above all, is refused all the same,
however it is encoded: who sends it means no good, and a proxy before us might understand it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from dht.names import AddressError
from torrent.cdn.gateway.core.errors import Refused
from torrent.cdn.name import Name
from torrent.core.metainfo.paths import MAX_DEPTH

MAX_TARGET: Final = 8192
"""Bytes of a request target: the deepest path of a torrent, encoded, is longer, and none such is
ever linked to. Browsers and servers agree on some 8,000."""
NAMES: Final = "btpk"
HASHES: Final = "btih"
_HASH: Final = re.compile(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}")
_HEX_KEY: Final = re.compile(r"[0-9a-fA-F]{64}")
_FORBIDDEN: Final = re.compile(r"[\x00-\x1f\x7f/\\]")


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request leads.

    Attributes:
        mount: The path of the site's root as it was asked for, without a slash at its end: empty
            at a host of its own.
        what: A name, or an infohash of 20 bytes, or all 32 of a v2 torrent.
        path: Elements below the root; none of the root itself.
        slash: Whether the path ends with a slash, as that of a directory does.
    """

    mount: str
    what: Name | bytes
    path: tuple[str, ...]
    slash: bool

    def url(self, path: tuple[str, ...]) -> str:
        """The path of another file of the site, encoded."""
        return "/".join([self.mount, *(quote(part, safe="") for part in path)])


def read_route(path: str, site: Name | bytes | None = None) -> Route:
    """Understand a path (see :attr:`~.asked.Asked.path`).

    Args:
        path: Begins with a slash.
        site: Whose host it was asked of; ``None``: the gateway's own.

    Raises:
        Refused: It is nothing that is served here.
    """
    if len(path) > MAX_TARGET:
        raise Refused(414, f"the path has more than {MAX_TARGET} bytes")
    mount, what = _mounted(path) if site is None else ("", site)
    below = path[len(mount) :]
    *parts, last = below[1:].split("/")
    elements = tuple(element(part) for part in ([*parts, last] if last else parts))
    if len(elements) > MAX_DEPTH:
        raise Refused(404, f"no path of a torrent has more than {MAX_DEPTH} levels")
    return Route(mount, what, elements, bool(below) and not last)


def _mounted(path: str) -> tuple[str, Name | bytes]:
    """The root of the site that a path of the gateway leads into, and what that is."""
    empty, _, rest = path.partition("/")
    kind, _, rest = rest.partition("/")
    first = rest.partition("/")[0]
    if empty or kind not in (NAMES, HASHES) or not first:
        raise Refused(404, "paths here begin with /btpk/NAME/ or /btih/HASH/")
    return f"/{kind}/{first}", _name(first) if kind == NAMES else _infohash(first)


def element(part: str) -> str:
    """Decode one element of a path.

    Raises:
        Refused: No file is called so.
    """
    try:
        text = unquote_to_bytes(part).decode()
    except UnicodeDecodeError:
        raise Refused(400, "the path is not UTF-8") from None
    if text in ("", ".", "..") or _FORBIDDEN.search(text):
        raise Refused(400, "the path has elements that no file is called by, such as ..")
    return text


def mount_of(name: Name) -> str:
    """The path of a name's root, without a slash at its end."""
    key = str(Name(name.public))
    return f"/{NAMES}/{key}" + (f"~{quote(name.salt, safe='')}" if name.salt else "")


def _name(text: str) -> Name:
    key, tilde, salt = text.partition("~")
    try:
        name = Name(bytes.fromhex(key)) if _HEX_KEY.fullmatch(key) else Name.parse(_plain(key))
        return Name(name.public, unquote_to_bytes(salt)) if tilde else name
    except (AddressError, ValueError):
        raise Refused(
            400, "that is no name: it looks like k51..., or k51...~salt with a salt of 64 bytes"
        ) from None


def _plain(key: str) -> str:
    """A key without anything around it: links and encodings of them are no elements of paths."""
    if not key.isalnum():
        raise ValueError(key)
    return key


def _infohash(text: str) -> bytes:
    if not _HASH.fullmatch(text):
        raise Refused(400, "that is no infohash: it has 40 or 64 hexadecimal digits")
    return bytes.fromhex(text)
