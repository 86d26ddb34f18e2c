"""``dhtctl serve``: names and torrents for browsers."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING

import trio

from cli.errors import CommandError, ExitCode, UsageError
from cli.keys import explained, read_address
from cli.residents import shown
from cli.torrents.naming import resolving
from cli.torrents.swarming import joined
from dht.errors import DhtError
from dht.names import Reading
from dht.node.identity import Identity
from torrent.cdn.gateway.core.hosts import beside
from torrent.cdn.gateway.core.route import mount_of
from torrent.cdn.gateway.gateway import Gateway
from torrent.cdn.gateway.library import Library
from torrent.cdn.memory import Memory
from torrent.cdn.name import Name
from torrent.core.metainfo.urls import is_web_seed
from torrent.git.serving import PREFIX, Bundles

if TYPE_CHECKING:
    from cli.context import Context
    from dht.node.node import Node


async def run(context: Context) -> ExitCode:
    """Serve until stopped."""
    args = context.args
    context.when_stopped = ExitCode.DONE
    with explained():
        named = [Name.of(read_address(context, each, (Reading.KEY,))) for each in args.names]
        pinned = [Name.of(read_address(context, each, (Reading.KEY,))) for each in args.pin]
    if args.origin is not None and not (is_web_seed(args.origin) and (named or pinned)):
        raise UsageError(
            f"--origin: {args.origin!r} is no URL, or no NAME says what it has",
            hint="it begins with http(s)://, and what it has is named before it or with --pin",
        )
    root = context.settings.state / "gateway"
    listeners = await _listen(*args.http)
    async with AsyncExitStack() as stack:
        memory = stack.enter_context(Memory.open(context.settings.state))
        session, node = await stack.enter_async_context(joined(context, state=root, sparse=True))
        assert node is not None  # noqa: S101 - it was asked for
        names = await stack.enter_async_context(resolving(context, node))
        library = await stack.enter_async_context(
            Library(session, root / "torrents", memory, limit=args.cache_size)
        )
        nursery = await stack.enter_async_context(trio.open_nursery())
        gateway = Gateway(
            library,
            names,
            only=named or None,
            pins=pinned,
            origin=args.origin or "",
            allowed=args.allow_host,
            promised=partial(_keep, context, node, nursery),
        )
        only = {*named, *pinned} if named else None
        gateway.provide(PREFIX, Bundles(gateway, only))
        _print(context, listeners, [*named, *pinned])
        await gateway.run(listeners)
    return ExitCode.DONE


def _keep(context: Context, node: Node, nursery: trio.Nursery, promise: int) -> None:
    """Keep the record of a pinned name, unless a running node of the state directory does."""
    if promise and Identity.holder(context.settings.state) is None:
        nursery.start_soon(_keep_one, node, promise)


async def _keep_one(node: Node, promise: int) -> None:
    """Keep it until a newer version takes its place."""
    with suppress(DhtError):
        await node.keep(promise)


async def _listen(host: str, port: int) -> list[trio.SocketListener]:
    try:
        return await trio.open_tcp_listeners(port, host=host)
    except OSError as error:
        raise CommandError(
            f"cannot listen on {host} port {port}: {error.strerror or error}",
            hint="another program may have that port: name another with --listen HOST:PORT",
        ) from error


def _print(context: Context, listeners: list[trio.SocketListener], names: list[Name]) -> None:
    """Where it answers."""
    address = listeners[0].socket.getsockname()
    [at] = shown([address[:2]])
    url = f"http://{at}/"
    sites = {str(name): url + mount_of(name).removeprefix("/") + "/" for name in names}
    hosts = {str(name): own for name in names if (own := beside(name, at))}
    context.out.result("serving", url, url=url, sites=sites, hosts=hosts, process=os.getpid())
    if not context.out.json:
        for name, site in sites.items():
            context.out.note(f"{name} is at {site}")
            if name in hosts:
                context.out.note(f"and, apart from other sites for browsers, at {hosts[name]}")
