"""``dhtctl git publish``: a repository under a name that leads to its newest state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

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
from torrent.cdn.errors import LostRaceError, NamingError
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
    from torrent.git.making import State
    from torrent.git.releasing import Held

_RACES: Final = 3
"""Times that it is tried to publish beside what others publish."""


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
            released = await _release(context, repository, disk, Work(git, state, key))
            repository.published_from(git.directory, args.replicas)
        version = repository.version
        assert version is not None  # noqa: S101 - it was published
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


class Work(NamedTuple):
    """What is to be published, and by whom."""

    git: Git
    state: State
    key: Ed25519PrivateKey


async def _release(context: Context, repository: Repository, disk: Disk, work: Work) -> list[Held]:
    """Have the name lead to what is to be published; its torrents.

    Somebody else who has the key may publish meanwhile. What they have is fetched then, so that
    what we make stands beside it: a version that nobody had seen is never replaced unseen.

    Raises:
        CommandError: It cannot be done, or others are faster each time.
    """
    for _ in range(_RACES):
        manifest = await repository.draft(disk, work.git, work.state)
        now = manifest or repository.manifest
        released = await repository.promise(disk, now)
        if manifest is None and repository.version is not None:
            repository.promise_again()
            _print(context, repository.version, now, new=False)
            return released
        published = await _publish(context, repository, work.key, released[0].infohash)
        if isinstance(published, Version):
            repository.version = published
            _print(context, published, now, new=True)
            return released
        context.out.note(f"somebody else published meanwhile: {published}")
        await _catch_up(context, repository)
    raise CommandError(
        "others publish under this name all the time, and nothing was replaced",
        hint="try again; is your key known to somebody else?",
    )


async def _publish(
    context: Context, repository: Repository, key: Ed25519PrivateKey, infohash: bytes
) -> Version | LostRaceError:
    """Publish in place of the version that is known, if there is no other.

    Raises:
        CommandError: It cannot be done.
    """
    known = repository.version
    cas = 0 if known is None else known.seq

    async def deed() -> Version | LostRaceError:
        try:
            return await repository.publish(names, key, infohash, cas=cas)
        except LostRaceError as lost:
            return lost

    try:
        async with joined(context, state=None) as (_, node):
            assert node is not None  # noqa: S101 - it was asked for
            async with resolving(context, node) as names:
                return await attempt(context, node, "publish", deed)
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
