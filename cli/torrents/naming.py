"""Names on the command line: whose they are, where one leads, what is said if it leads nowhere."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import trio

from cli.errors import UsageError
from cli.failures import translated
from cli.keys import explained, keystore
from cli.network import attempt, visitor
from dht.errors import DhtError
from dht.mainline.items import MAX_SALT
from torrent.cdn.errors import NamingError
from torrent.cdn.memory import Memory
from torrent.cdn.names import Names

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cli.context import Context
    from dht.node.node import Node
    from torrent.cdn.names import Name, Version
    from torrent.core.metainfo import Magnet


_FIRST_KEY: Final = "me"


def key_name(context: Context) -> str:
    """Which key to sign with; the only one, or a new one where there is none, needs no naming.

    Raises:
        UsageError: There are several.
    """
    named: str | None = context.args.name
    if named is not None:
        return named
    store = keystore(context)
    known = store.names()
    if len(known) > 1:
        raise UsageError(
            f"you have {len(known)} keys", hint=f"say which with --name: {', '.join(known)}"
        )
    if known:
        return known[0]
    with explained():
        store.create(_FIRST_KEY)
    context.out.note(
        f"made a key for you, called {_FIRST_KEY}: `dhtctl key export` makes a copy of it", "key"
    )
    return _FIRST_KEY


def salt_of(context: Context, default: str) -> bytes:
    """Which of the key's names: the one that ``--salt`` says, or ``default``.

    Raises:
        UsageError: It is too long.
    """
    said: str | None = context.args.salt
    salt = os.fsencode(default if said is None else said)
    if len(salt) > MAX_SALT:
        raise UsageError(
            f"the name's salt has {len(salt)} bytes, and {MAX_SALT} is the most (BEP 44)",
            hint="choose another with --salt",
        )
    return salt


@asynccontextmanager
async def resolving(context: Context, node: Node) -> AsyncIterator[Names]:
    """Names, with what this state directory remembers of them."""
    with Memory.open(context.settings.state) as memory:
        async with Names(node, memory) as names:
            yield names


async def led(context: Context, name: Name) -> Magnet:
    """The link of the newest version of ``name``, asked of the network by a short-lived node.

    Raises:
        CommandError: It leads nowhere, and never did as far as we know.
    """
    async with visitor(context) as node, resolving(context, node) as names:
        version = await newest(context, node, names, name)
    context.out.note(
        f"{name} leads to {version.infohash.hex()}, version {version.seq}",
        "name",
        name=str(name),
        seq=version.seq,
        infohash=version.infohash.hex(),
    )
    return version.link


async def newest(context: Context, node: Node, names: Names, name: Name) -> Version:
    """The newest version there is; if nobody says which, the newest one known, with a warning.

    Raises:
        CommandError: There is none.
    """
    found: list[Version | NamingError] = []

    async def deed() -> None:
        try:
            found.append(await names.resolve(name, fresh=True))
        except NamingError as problem:
            found.append(problem)

    try:
        await attempt(context, node, f"look for {name}", deed)
    except DhtError as problem:
        raise translated(problem) from problem
    [outcome] = found
    if not isinstance(outcome, NamingError):
        return outcome
    if outcome.seen is None:
        raise translated(outcome) from outcome
    context.out.warn(f"{outcome}: going on with that")
    await trio.lowlevel.checkpoint()
    return outcome.seen
