"""``dhtctl publish``: a directory under a name that leads to its newest version."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from cli.errors import CommandError, ExitCode, UsageError
from cli.evidence import count
from cli.failures import translated
from cli.keys import open_key
from cli.network import attempt, visitor
from cli.tables import size
from cli.torrents import stored
from cli.torrents.naming import key_name, resolving, salt_of
from cli.torrents.promising import Ready, promise
from cli.torrents.replicating import count_replicas, shelf_of
from cli.torrents.seeding import handed_over, stay
from cli.torrents.swarming import joined
from dht.errors import DhtError
from dht.node.config import NETWORK
from dht.node.state import StalePromiseError, State
from torrent.cdn.memory import Memory, Site
from torrent.cdn.name import Name, Version
from torrent.cdn.origins import beside_files
from torrent.cdn.shelf import torrent_of
from torrent.cdn.site import Snapshot, take
from torrent.core.metainfo import Magnet
from torrent.core.metainfo.urls import is_web_seed
from torrent.errors import TorrentError
from torrent.io.disk import Disk

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from cli.context import Context
    from torrent.cdn.shelf import Shelf


async def run(context: Context) -> ExitCode:
    """Take a snapshot; unless it is what was published last, publish it; serve it."""
    args = context.args
    if args.origin is not None and not is_web_seed(args.origin):
        raise UsageError(f"--origin: {args.origin!r} is no URL", hint="it begins with http(s)://")
    source = _source(args.directory)
    key = open_key(context, key_name(context))
    name = Name(key.public_key().public_bytes_raw(), salt_of(context, source.name))
    with Memory.open(context.settings.state) as memory:
        shelf = shelf_of(context.settings.state, name, memory)
        snapshot = await _snapshot(context, source, shelf)
        memory.publishes(Site(name, source, args.replicas))
        version = _unchanged(memory, name, snapshot)
        # Before the name leads there: whoever follows it may rely on it.
        await trio.to_thread.run_sync(promise, context.settings.state, [Ready(*snapshot)])
        if version is None:
            version = await _publish(context, name, key, snapshot, shelf)
            _print(context, version, snapshot, new=True)
        else:
            _promise_again(context, version)
            _print(context, version, snapshot, new=False)
        await trio.to_thread.run_sync(_prune, context, shelf)
        if await handed_over(context, [snapshot.infohash]):
            return ExitCode.DONE
        return await _serve(context, version, shelf)


def _source(directory: str) -> Path:
    path = Path(directory).absolute()
    if not path.is_dir():
        raise CommandError(f"there is no directory {path}", hint="a file: `dhtctl seed` shares it")
    if not any(files for _, _, files in os.walk(path)):
        raise CommandError(f"{path} has no files, so there is nothing to publish")
    return path


async def _snapshot(context: Context, source: Path, shelf: Shelf) -> Snapshot:
    try:
        with context.out.progress(f"hashing {source.name}") as progress:
            async with Disk() as disk:
                return await take(
                    disk,
                    source,
                    shelf,
                    origin=context.args.origin or "",
                    progress=lambda done, total: progress.update("pieces", done, total),
                )
    except TorrentError as problem:
        raise CommandError(f"{source} cannot be published: {problem}") from problem


def _unchanged(memory: Memory, name: Name, snapshot: Snapshot) -> Version | None:
    """The newest version, if it is this one."""
    record = memory.seen(name)
    newest = None if record is None else Version.of(record)
    same = newest is not None and newest.infohash == snapshot.infohash
    origins = snapshot.metainfo.web_seeds
    return newest if same and newest is not None and newest.origins == origins else None


def _promise_again(context: Context, version: Version) -> None:
    """Keep the name, should the promise have been withdrawn."""
    with State.open(context.settings.state) as state, suppress(StalePromiseError):
        state.promise(NETWORK, version.record.key, version.record, time.time())


async def _publish(
    context: Context, name: Name, key: Ed25519PrivateKey, snapshot: Snapshot, shelf: Shelf
) -> Version:
    origin = context.args.origin or ""
    try:
        async with visitor(context) as node, resolving(context, node) as names:
            version = await attempt(
                context,
                node,
                "publish",
                lambda: names.publish(key, name.salt, snapshot.infohash, origin=origin),
            )
    except (DhtError, TorrentError) as problem:
        raise translated(problem) from problem
    await trio.to_thread.run_sync(shelf.add, version.seq, version.infohash)
    return version


def _prune(context: Context, shelf: Shelf) -> None:
    """Delete old versions; nobody serves them any more."""
    gone = shelf.prune(context.args.keep_versions)
    with stored.opened(context.settings.state, readonly=False) as torrents:
        for infohash in gone:
            torrents.remove(infohash)


def _print(context: Context, version: Version, snapshot: Snapshot, *, new: bool) -> None:
    """The name alone on stdout; the link and what it leads to beside it."""
    info = snapshot.metainfo.info
    link = Magnet(
        info.infohash_v1,
        info.infohash_v2,
        info.name,
        web_seeds=version.origins,
        length=info.size,
        publisher=version.name.address,
    )
    context.out.result(
        "published",
        str(version.name),
        name=str(version.name),
        seq=version.seq,
        new=new,
        magnet=str(link),
        name_magnet=version.name.magnet,
        infohash=version.infohash.hex(),
        size_bytes=info.size,
        directory=str(snapshot.directory),
        torrent_file=str(torrent_of(snapshot.directory)),
    )
    if not context.out.json:
        files = sum(not file.pad for file in info.files)
        what = f"version {version.seq}: {size(info.size)} in {count(files, 'file')}"
        context.out.note(what if new else f"nothing new since {what}")
        context.out.note(version.name.magnet)
        for origin in version.origins:
            alone = beside_files(origin, version.infohash)
            context.out.note(f"{alone} should be {torrent_of(snapshot.directory)}")


async def _serve(context: Context, version: Version, shelf: Shelf) -> ExitCode:
    """Serve all versions that are here, and keep the name."""
    context.when_stopped = ExitCode.DONE
    state = context.settings.state
    limit = context.args.upload_limit or float("inf")
    async with (
        joined(context, state=state, upload=limit) as (session, node),
        trio.open_nursery() as nursery,
    ):
        assert node is not None  # noqa: S101 - it was asked for
        for each in await trio.to_thread.run_sync(shelf.versions):
            found = await trio.to_thread.run_sync(shelf.metainfo, each.infohash)
            if found is not None:
                await session.add(found, each.directory)
        number = await node.promise(version.name.key, version.record)
        nursery.start_soon(node.keep, number)
        nursery.start_soon(count_replicas, context, node, session)
        context.out.note(
            "this command stays and serves it; stop it with Ctrl-C, and `dhtctl node` goes on",
            "seeding",
            port=session.port,
        )
        await stay(context, session, [version.infohash])
        nursery.cancel_scope.cancel()
    context.out.note("the promise was withdrawn: nothing is left to serve")
    return ExitCode.DONE
