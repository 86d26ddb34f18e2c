"""Having the torrents of a state directory at work, for as long as a command stays.

A node that keeps promises looks once a second whether there are torrents among them. As long as
there are none, nothing of the piece exchange is imported, which adds a quarter to what an idle
node weighs.
"""

from __future__ import annotations

import os
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Protocol

import trio

from cli.errors import ExitCode
from cli.evidence import count
from dht.errors import DhtError
from dht.node.disk import StateError
from dht.node.identity import Identity
from torrent.errors import SessionError
from torrent.io.resume import Standing, Torrents

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection
    from pathlib import Path

    from cli.context import Context
    from dht.node.node import Node
    from torrent.io.session import Session
    from torrent.io.torrent import Torrent

_LOOK = 1.0
"""Seconds between two looks for a torrent: "within seconds" for whoever seeds one."""
_TELL = 2.0
"""Seconds between two times that others are told how torrents stand."""
_NEWS = 0.25
"""Seconds between two looks whether there is another torrent: somebody waits to be told."""
_TAKING_UP = 10.0
"""Seconds to wait for a node to take up a torrent; it looks once a second, and may be checking."""
_AGAIN = 5.0
"""Seconds after which a state that could not be read is tried again."""
_KEEP = 1.0
"""Seconds between two looks whether another version is to be kept."""
_BUSY = ("metadata", "checking")
_FINE = 1024
"""Rates are told in these steps, so that a rate that fades away is not written down each time."""


class Promising(Protocol):
    """A mirror.

    Attributes:
        promise: The number of its promise to keep the newest record; 0 if there is none.
    """

    promise: int


async def seed_what_is_promised(
    context: Context, node: Node, *, upload: float = float("inf")
) -> None:
    """Seed the torrents of the state with ``node``, whoever adds them, until cancelled."""
    told = ""
    while True:
        try:
            await _wait_for_one(context.settings.state)
            await _seed(context, node, upload)
        except* (StateError, SessionError) as problems:
            why = "; ".join(_reasons(problems))
            if why != told:
                told = why
                context.out.warn(f"torrents cannot be seeded, trying again: {why}")
        await trio.sleep(_AGAIN)


def _reasons(problem: BaseException) -> list[str]:
    if isinstance(problem, BaseExceptionGroup):
        return [reason for each in problem.exceptions for reason in _reasons(each)]
    return [str(problem)]


async def _wait_for_one(state: Path) -> None:
    """Return once the state holds a torrent that is to be gone on with."""
    torrents = await trio.to_thread.run_sync(Torrents.open, state)
    with torrents:
        while all(torrent.paused for torrent in await trio.to_thread.run_sync(torrents.all)):
            await _wait_for_change(torrents)


async def _wait_for_change(torrents: Torrents, every: float = _LOOK) -> None:
    """Return once another process wrote to the state; nothing but a look can tell."""
    while True:
        await trio.sleep(every)
        if await trio.to_thread.run_sync(torrents.changed):
            return


async def _seed(context: Context, node: Node, upload: float) -> None:
    from cli.torrents.swarming import config  # noqa: PLC0415 - only now is it needed
    from torrent.io.session import Session  # noqa: PLC0415

    state = context.settings.state
    async with (
        Session(config(context, node, state=state, upload=upload)) as session,
        trio.open_nursery() as nursery,
    ):
        from cli.torrents.replicating import count_replicas  # noqa: PLC0415

        nursery.start_soon(session.follow)
        nursery.start_soon(tell, context, session)
        nursery.start_soon(count_replicas, context, node, session)


async def handed_over(context: Context, names: Collection[bytes]) -> bool:
    """Whether a node of the state directory is running, and so goes on with these torrents.

    It is given some seconds to take them up, so that whoever is handed a link can use it at once.
    """
    state = context.settings.state
    keeper = Identity.holder(state)
    if keeper is None:
        return False
    with trio.move_on_after(_TAKING_UP) as waiting:
        torrents = await trio.to_thread.run_sync(Torrents.open, state)
        with torrents:
            while not await trio.to_thread.run_sync(_taken_up, torrents, names, keeper):
                await _wait_for_change(torrents, _NEWS)
    late = waiting.cancelled_caught
    when = "will seed it, but has yet to begin: see `dhtctl torrents`" if late else "seeds it now"
    context.out.note(
        f"the running node of this state directory (process {keeper}) {when}",
        "seeding",
        kept_by=keeper,
        begun=not late,
    )
    return True


def _taken_up(torrents: Torrents, names: Collection[bytes], keeper: int) -> bool:
    """Whether the keeper has said that it has them at work."""
    standings = torrents.standings()
    mine = [standings[name] for name in names if name in standings]
    ready = [s for s in mine if s.process == keeper and s.phase not in _BUSY]
    return len(ready) == len(names)


async def leave(context: Context, session: Session) -> None:
    """Leave what a mirror holds to the node of the state directory."""
    if not await handed_over(context, [torrent.named for torrent in session.torrents]):
        context.out.note("nobody serves it now: `dhtctl node` does, and keeps the name")


@asynccontextmanager
async def mirroring(
    context: Context, session: Session, node: Node, mirror: Promising
) -> AsyncIterator[None]:
    """While a command stays with a mirror: do what a node does for it, unless one is running."""
    context.when_stopped = ExitCode.DONE
    async with trio.open_nursery() as nursery:
        if Identity.holder(context.settings.state) is None:
            nursery.start_soon(tell, context, session)
            nursery.start_soon(_keep, node, mirror)
        yield
        nursery.cancel_scope.cancel()


async def _keep(node: Node, mirror: Promising) -> None:
    """Keep the record of whichever version is the newest."""
    while True:
        with suppress(DhtError):
            await node.keep(mirror.promise)
        await trio.sleep(_KEEP)


async def stay(context: Context, session: Session, names: Collection[bytes]) -> None:
    """Seed until the torrents of these infohashes are forgotten, or we are stopped."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tell, context, session)
        await session.follow(names)
        nursery.cancel_scope.cancel()


async def tell(context: Context, session: Session) -> None:
    """Tell people what changes, and other processes how every torrent stands."""
    told: dict[bytes, Standing] = {}
    number = 0
    torrents = await trio.to_thread.run_sync(Torrents.open, context.settings.state)
    with torrents:
        while True:
            now = {each.named: _standing(each) for each in session.torrents}
            if len(now) != number:
                number = len(now)
                context.out.note(
                    f"{count(number, 'torrent')} at work on port {session.port}",
                    "torrents",
                    torrents=number,
                    port=session.port,
                )
            for name, standing in now.items():
                if standing.fault and standing.fault != getattr(told.get(name), "fault", ""):
                    context.out.warn(standing.fault, infohash=name.hex())
            # Who adds a torrent again, or forgets it and adds it, takes what was told of it away:
            # so that nobody believes what was true of another directory.
            stood = await trio.to_thread.run_sync(torrents.standings)
            news = [standing for name, standing in now.items() if standing != stood.get(name)]
            if news:
                await trio.to_thread.run_sync(torrents.tell, news)
            told = now
            with trio.move_on_after(_TELL):
                # A torrent that is looked through, or is not even known here, is told of at once.
                settled = not any(each.phase in _BUSY for each in now.values())
                while settled and len(session.torrents) == number:  # noqa: ASYNC110 - no event
                    await trio.sleep(_NEWS)
                await trio.sleep(_NEWS)


def _standing(torrent: Torrent) -> Standing:
    now = torrent.statistics()
    return Standing(
        torrent.named,
        os.getpid(),
        now.phase.value,
        now.peers,
        _coarse(now.download_rate),
        _coarse(now.upload_rate),
        str(torrent.fault or ""),
    )


def _coarse(rate: float) -> float:
    return round(rate / _FINE) * float(_FINE)
