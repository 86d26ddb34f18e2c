"""``dhtctl seed``: share files, and go on sharing them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import trio

from cli.errors import CommandError, ExitCode, IntegrityError
from cli.evidence import count
from cli.tables import size
from cli.torrents import facts, sources
from cli.torrents.checking import check, damages
from cli.torrents.making import make
from cli.torrents.promising import Ready, promise
from cli.torrents.seeding import handed_over, stay
from cli.torrents.swarming import joined
from torrent.core.metainfo import Magnet, Metainfo
from torrent.io.disk import Disk
from torrent.io.storage import Storage

if TYPE_CHECKING:
    from cli.context import Context


async def run(context: Context) -> ExitCode:
    """Make what is needed, promise it, print the links, and serve unless a node does."""
    async with Disk() as disk:
        ready = [await _prepare(context, disk, path) for path in context.args.paths]
    # Before anything is printed: whoever has the link may rely on it.
    await trio.to_thread.run_sync(promise, context.settings.state, ready)
    for each in ready:
        _print(context, each)
    if await handed_over(context, [each.metainfo.info.infohashes[0] for each in ready]):
        if context.args.upload_limit:
            context.out.warn("--upload-limit is for the node to keep: give it to `dhtctl node`")
        return ExitCode.DONE
    return await _serve(context, ready)


async def _prepare(context: Context, disk: Disk, path: str) -> Ready:
    """Make a torrent of ``path``, or check that all of it is here if it is one."""
    if sources.is_file(path) and path.endswith(".torrent"):
        metainfo = await trio.to_thread.run_sync(sources.read_file, path)
        directory = _beside(path, metainfo)
        storage, good = await check(context.out, disk, metainfo.info, directory)
        if bad := damages(metainfo.info, directory, good):
            raise IntegrityError(
                f"{metainfo.info.name} is not whole, so it cannot be seeded",
                achieved=str(bad[0]) + (f", and {len(bad) - 1} more" if bad[1:] else ""),
                hint="`dhtctl fetch --seed-after` gets what is missing",
            )
    else:
        metainfo, made = await make(context, disk, path)
        directory = made.directory
        storage = Storage(disk, metainfo.info, directory)
        await storage.open(create=False)
        await storage.close()
    return Ready(metainfo, directory, await storage.fingerprint())


def _beside(path: str, metainfo: Metainfo) -> Path:
    """Where the data of a torrent file lies: beside it, or in the working directory.

    Raises:
        CommandError: In neither.
    """
    name = metainfo.info.files[0].path.parts[0]
    places = list(dict.fromkeys((Path(path).absolute().parent, Path.cwd())))
    for place in places:
        if (place / name).exists():
            return place
    raise CommandError(
        f"the data of {path} is not there: no {name} in {' or '.join(map(str, places))}",
        hint="put the torrent beside its data; to download it: dhtctl fetch",
    )


def _print(context: Context, ready: Ready) -> None:
    """The link alone on stdout; what it is beside it."""
    told = facts.brief(ready.metainfo)
    link = str(Magnet.of(ready.metainfo))
    context.out.result("seeded", link, directory=str(ready.directory), **told)
    if not context.out.json:
        info = ready.metainfo.info
        context.out.note(f"{info.name}: {size(info.size)}, {count(info.piece_count, 'piece')}")


async def _serve(context: Context, ready: list[Ready]) -> ExitCode:
    # Everything asked for has been done; to be stopped is from here on the normal end.
    context.when_stopped = ExitCode.DONE
    limit = context.args.upload_limit or float("inf")
    state = context.settings.state
    async with joined(context, state=state, upload=limit) as (session, _):
        for metainfo, directory, _looks in ready:
            await session.add(metainfo, directory, intact=True)
        context.out.note(
            "this command stays and serves it; stop it with Ctrl-C, and `dhtctl node` goes on",
            "seeding",
            port=session.port,
        )
        await stay(context, session, [each.metainfo.info.infohashes[0] for each in ready])
    context.out.note("the promise was withdrawn: nothing is left to seed")
    return ExitCode.DONE
