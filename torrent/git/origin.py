"""The origin: a git server of the publisher's own, for when nobody else has what was signed.

It is asked for the very objects that the signed refs lead to, into the quarantine, and trusted with
nothing: only if all of it came is any of it moved in. So an origin that moved on serves us as long
as it has the old commits, and one that lies serves nobody.

Its URL was written by whoever has the name's key, and it is *our* git that would go there. So it is
HTTP(S) and nothing else, without redirects and without our passwords; and the host's addresses are
looked up and judged before, and pinned: what lies in our own network is none of theirs.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

import trio

from dht.mainline.compact import Scope
from torrent.core.outgoing import Url, parse, reach
from torrent.git.errors import PackError
from torrent.git.quarantine import MAX_OBJECT, quarantine

if TYPE_CHECKING:
    from pathlib import Path

    from torrent.git.core.manifest import Manifest
    from torrent.git.program import Git

PATIENCE: Final = 600.0
"""Seconds that it may take in all: a server that hangs must not hang us."""
_NARROW: Final = (
    "protocol.allow=never",
    "protocol.http.allow=always",
    "protocol.https.allow=always",
    "http.followRedirects=false",
    # A server that sends less than a kilobyte a second, for half a minute, is gone.
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=30",
    "credential.helper=",
)


async def take_from_origin(
    git: Git, manifest: Manifest, largest: int = MAX_OBJECT, *, near: bool = False
) -> tuple[Path, ...]:
    """Have all that the refs of a manifest lead to in a repository, from its origin.

    Args:
        git: The repository.
        manifest: Was signed, and names an origin.
        largest: Bytes of an object that is taken.
        near: It may be on this machine, or in its network.

    Returns:
        The files that keep what came until refs lead to it.

    Raises:
        PackError: The origin does not have it, or what it sent is not fit for a repository.
        TorrentError: The disk refused.
    """
    where = f"the origin {manifest.origin}"
    settings = (*_NARROW, await _pinned(parse(manifest.origin), near=near))
    async with quarantine(git) as held:
        with trio.move_on_after(PATIENCE) as waiting:
            try:
                await held.fetch(manifest.origin, manifest, settings, largest)
            except PackError as problem:
                raise PackError(f"{where}: {problem}") from problem
        if waiting.cancelled_caught:
            raise PackError(f"{where} took longer than {PATIENCE:g} s")
        if not await held.check(manifest.tips):
            raise PackError(f"{where} does not have all that the signed refs lead to")
        return await held.admit()


async def _pinned(url: Url, *, near: bool) -> str:
    """Which address git is to go to.

    Raises:
        PackError: There is none, or none that a stranger may send us to.
    """
    try:
        found = await trio.socket.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise PackError(f"the origin's host {url.host} is not known: {error}") from error
    addresses = [str(each[4][0]) for each in found]
    for address in addresses:
        if near or reach(address) is Scope.WORLD:
            shown = f"[{address}]" if ":" in address else address
            return f"http.curloptResolve={url.host}:{url.port}:{shown}"
    raise PackError(f"the origin's host {url.host} is not on the internet: not asked")
