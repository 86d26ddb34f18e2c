"""``dhtctl git publish``: a repository under a name that leads to its newest state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import trio

from cli.errors import CommandError, ExitCode, UsageError
from cli.evidence import count
from cli.failures import translated
from cli.git.repositories import Repository
from cli.git.watching import Watched
from cli.keys import open_key
from cli.network import attempt
from cli.tables import size
from cli.torrents.naming import key_name, resolving, salt_of
from cli.torrents.replicating import count_replicas
from cli.torrents.seeding import handed_over, stay
from cli.torrents.swarming import joined
from dht.errors import DhtError
from torrent.cdn.errors import NamingError
from torrent.cdn.memory import Memory
from torrent.cdn.name import Name, Version
from torrent.core.metainfo.urls import is_web_seed
from torrent.errors import TorrentError
from torrent.git.making import state_of
from torrent.git.mirror import Mirror
from torrent.git.program import Git
from torrent.git.store import Store
from torrent.io.disk import Disk

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from cli.context import Context
    from torrent.cdn.names import Names
    from torrent.git.core.manifest import Manifest
    from torrent.git.releasing import Held


async def run(context: Context) -> ExitCode:
    """Publish what the repository holds now, unless that is what was published last; serve it."""
    args = context.args
    origin = args.origin or ""
    if origin and not is_web_seed(origin):
        raise UsageError(f"--origin: {origin!r} is no URL", hint="it begins with http(s)://")
    try:
        git = await Git.find(_path(args.repository))
        state = await state_of(git, origin)
    except TorrentError as problem:
        raise CommandError(str(problem)) from problem
    key = open_key(context, key_name(context))
    name = Name(key.public_key().public_bytes_raw(), salt_of(context, _called(git)))
    with Memory.open(context.settings.state) as memory:
        async with Disk() as disk:
            repository = Repository(context, Store(context.settings.state, name, memory))
            await trio.to_thread.run_sync(repository.recall)
            if not await trio.to_thread.run_sync(lambda: repository.here):
                await _catch_up(context, repository)
            manifest = await repository.draft(disk, git, state)
            now = manifest or repository.manifest
            released = await repository.promise(disk, now)
        repository.published_from(git.directory, args.replicas)
        version = repository.version
        if manifest is not None or version is None:
            version = await _publish(context, repository, key, released[0])
        else:
            repository.promise_again()
        _print(context, version, now, new=manifest is not None)
    if await handed_over(context, [each.infohash for each in released]):
        return ExitCode.DONE
    return await _serve(context, version, released)


def _path(text: str) -> Path:
    return Path(text).absolute()


def _called(git: Git) -> str:
    """What a repository is called: its directory, without what git adds."""
    where = git.directory.parent if git.directory.name == ".git" else git.directory
    return where.name.removesuffix(".git")


async def _catch_up(context: Context, repository: Repository) -> None:
    """Have what was published under the name before, by us elsewhere, if anything was.

    Without it everything would be packed anew, and every follower fetch everything again.
    """
    watched = Watched(context)
    async with joined(context, state=None) as (session, node):
        assert node is not None  # noqa: S101 - it was asked for
        async with resolving(context, node) as names:
            version = await attempt(context, node, "look", lambda: _latest(names, repository.name))
            if version is None:
                return
            mirror = Mirror(session, names, repository.store, watched.told)
            try:
                await watched.pursue("fetch what was published", lambda: mirror.gather(version))
            except CommandError as problem:
                context.out.warn(
                    f"version {version.seq} cannot be had, so all is packed anew: {problem.message}"
                )
    await trio.to_thread.run_sync(repository.recall)


async def _latest(names: Names, name: Name) -> Version | None:
    """Where it leads, if that can be found out; publishing says what is wrong, if anything is."""
    try:
        return await names.resolve(name, fresh=True)
    except NamingError as problem:
        return problem.seen
    except DhtError:
        return None


async def _publish(
    context: Context, repository: Repository, key: Ed25519PrivateKey, released: Held
) -> Version:
    try:
        async with joined(context, state=None) as (_, node):
            assert node is not None  # noqa: S101 - it was asked for
            async with resolving(context, node) as names:
                return await attempt(
                    context,
                    node,
                    "publish",
                    lambda: repository.publish(names, key, released.infohash),
                )
    except (DhtError, TorrentError) as problem:
        raise translated(problem) from problem


def _print(context: Context, version: Version, manifest: Manifest, *, new: bool) -> None:
    """The URL alone on stdout; what it leads to beside it."""
    url = f"dht://{version.name}"
    context.out.result(
        "published",
        url,
        name=str(version.name),
        url=url,
        seq=version.seq,
        new=new,
        infohash=version.infohash.hex(),
        refs=len(manifest.refs),
        generations=len(manifest.generations),
        size_bytes=manifest.size,
    )
    if not context.out.json:
        packs = f"{size(manifest.size)} in {count(len(manifest.generations), 'pack')}"
        what = f"version {version.seq}: {count(len(manifest.refs), 'ref')}, {packs}"
        context.out.note(what if new else f"nothing new since {what}")


async def _serve(context: Context, version: Version, released: list[Held]) -> ExitCode:
    """Serve the newest version, and keep the name."""
    context.when_stopped = ExitCode.DONE
    limit = context.args.upload_limit or float("inf")
    async with (
        joined(context, state=context.settings.state, upload=limit) as (session, node),
        trio.open_nursery() as nursery,
    ):
        assert node is not None  # noqa: S101 - it was asked for
        for each in released:
            await session.add(each.metainfo, each.directory, intact=True)
        number = await node.promise(version.name.key, version.record)
        nursery.start_soon(node.keep, number)
        nursery.start_soon(count_replicas, context, node, session)
        context.out.note(
            "this command stays and serves it; stop it with Ctrl-C, and `dhtctl node` goes on",
            "seeding",
            port=session.port,
        )
        await stay(context, session, [released[0].infohash])
        nursery.cancel_scope.cancel()
    context.out.note("the promise was withdrawn: nothing is left to serve")
    return ExitCode.DONE
