"""``dhtctl fetch``: download a torrent, verified, from whoever has it."""

from __future__ import annotations

import tempfile
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from cli.errors import ExitCode, UsageError
from cli.evidence import count
from cli.tables import duration, rate, size
from cli.torrents import facts, sources, stored
from cli.torrents.seeding import handed_over, stay
from cli.torrents.swarming import joined, pursue
from torrent.cdn.name import Name
from torrent.core.metainfo import Magnet, Metainfo

if TYPE_CHECKING:
    from cli.context import Context
    from dht.node.node import Node
    from torrent.io.session import Session
    from torrent.io.torrent import Torrent

_STDOUT = "-"
_TELLING = 1 << 20
"""Bytes from which on a rate is one of the line, and not of its round trips."""


async def run(context: Context) -> ExitCode:
    """Fetch it, tell what came of it, and stay if told to."""
    args = context.args
    streams = args.output == _STDOUT
    if streams and args.seed_after:
        raise UsageError("what is written to stdout cannot be seeded after")
    what = await trio.to_thread.run_sync(
        partial(sources.read, context, args.torrent), abandon_on_cancel=True
    )
    if isinstance(what, Name):
        what = await _led(context, what)
    peers = await sources.resolve(args.peer)
    async with AsyncExitStack() as stack:
        home = (
            Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dhtctl-")))
            if streams
            else sources.directory_of(args.output)
        )
        session, node = await stack.enter_async_context(
            joined(
                context,
                dht=not args.no_dht,
                state=None if streams else _state(context, what, home),
                upload=args.upload_limit or float("inf"),
                download=args.download_limit or float("inf"),
            )
        )
        begun = trio.current_time()
        torrent = await session.add(
            what,
            home,
            peers=peers,
            select=None if args.files is None else sources.chosen(args.files),
            sequential=args.sequential or streams,
            kept=False,
        )
        await _pursue(context, torrent, node, streams=streams)
        _tell(context, torrent, trio.current_time(), begun)
        if args.seed_after:
            return await _seed(context, session, torrent)
    return ExitCode.DONE


async def _led(context: Context, name: Name) -> Magnet:
    """Where a name leads now.

    Raises:
        UsageError: Only the DHT knows, and that is not to be asked.
    """
    if context.args.no_dht:
        raise UsageError(f"{name} is a name, and only the DHT knows where it leads")
    from cli.torrents.naming import led

    return await led(context, name)


def _state(context: Context, what: Metainfo | Magnet, home: Path) -> Path | None:
    """Where to remember how far it is: nowhere, if the same torrent is promised elsewhere."""
    state = context.settings.state
    names = what.infohashes if isinstance(what, Magnet) else what.info.infohashes
    with stored.opened(state, readonly=False) as torrents:
        for known in torrents.all():
            if known.infohash in names and known.directory != home and not known.paused:
                return None
    return state


async def _pursue(context: Context, torrent: Torrent, node: Node | None, *, streams: bool) -> None:
    """Wait for all of it, or write it out as it comes."""

    async def deed() -> None:
        sources.check_choice(context.args.files, await torrent.metadata())
        if streams:
            await _stream(context, torrent)
        await torrent.completed()

    await pursue(context, f"fetch {torrent.name}", torrent, node, deed)


async def _stream(context: Context, torrent: Torrent) -> None:
    """Write the one file that is wanted to stdout, in order.

    Raises:
        UsageError: There are several.
    """
    info = await torrent.metadata()
    wanted = torrent.task.wanted(info)
    indexes = [
        n
        for n, file in enumerate(info.files)
        if not file.pad and file.symlink is None and (wanted is None or n in wanted)
    ]
    if len(indexes) != 1:
        raise UsageError(
            f"{info.name} has {count(len(indexes), 'file')}, and stdout takes one",
            hint="say which with --files, or where to put them with -o DIR",
        )
    async with torrent.open(indexes[0]) as file:
        async for part in file:
            # In a thread: whoever reads may take its time.
            await trio.to_thread.run_sync(context.out.data, bytes(part), abandon_on_cancel=True)


def _tell(context: Context, torrent: Torrent, ended: float, begun: float) -> None:
    """Print where it is: the last line, for programs with what it took."""
    now, sharing, info = torrent.statistics(), torrent.sharing, torrent.info
    assert info is not None  # noqa: S101 - it is complete
    elapsed = ended - (sharing.began if sharing.began is not None else begun)
    metainfo = Metainfo(info, torrent.task.trackers, torrent.task.web_seeds)
    path = torrent.task.directory / info.files[0].path.parts[0]
    told: dict[str, Any] = {
        **facts.brief(metainfo),
        "size_bytes": now.size,
        "elapsed_s": round(elapsed, 6),
        "peers": sharing.most,
        "downloaded_bytes": now.downloaded,
        "wasted_bytes": now.wasted,
        "bytes_per_s": round(now.downloaded / elapsed) if elapsed > 0 else 0,
    }
    took = f"{size(now.size)} in {duration(elapsed)}{speed(now.downloaded, elapsed)}"
    took = f"{took}, {count(sharing.most, 'peer')}"
    if context.args.output == _STDOUT:
        context.out.note(took, "fetched", path=None, **told)
        return
    context.out.result("fetched", str(path), path=str(path), **told)
    if not context.out.json:
        context.out.note(took)


def speed(downloaded: int, elapsed: float) -> str:
    """How fast it was, in brackets; empty if so little says nothing about that."""
    return f" ({rate(downloaded / elapsed)})" if downloaded >= _TELLING and elapsed > 0 else ""


async def _seed(context: Context, session: Session, torrent: Torrent) -> ExitCode:
    """Promise it; serve it, unless a node does."""
    await session.keep(torrent)
    if await handed_over(context, [torrent.named]):
        return ExitCode.DONE
    context.when_stopped = ExitCode.DONE
    context.out.note("this command stays and serves it; stop it with Ctrl-C", "seeding")
    await stay(context, session, [torrent.named])
    return ExitCode.DONE
