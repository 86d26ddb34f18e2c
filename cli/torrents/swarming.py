"""A session for one command: its settings, and watching over a torrent until it is where it should.

What counts as progress of a torrent: that we joined the network, that peers were found or came,
that bytes came, that pieces were verified or looked at. Walking through the DHT in vain does not.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from cli import residents
from cli.errors import AbsentError, CommandError, UnreachableError
from cli.evidence import absence, count, facts
from cli.failures import translated
from cli.network import seconds_of_patience, visitor
from cli.patience import patience
from cli.tables import rate, size, span
from dht.errors import DhtError, NoNetwork
from torrent.errors import TorrentError
from torrent.io.config import SessionConfig
from torrent.io.dht import DhtSource
from torrent.io.results import Phase
from torrent.io.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from cli.context import Context
    from cli.patience import Patience
    from dht.core.effects import Evidence
    from dht.node.node import Node
    from torrent.io.torrent import Torrent

T = TypeVar("T")

_LOOK = 0.2
"""Seconds between two looks at how far it is."""


def at_home(context: Context) -> bool:
    """Whether the network to join is on this machine, where everybody has the same address."""
    doors = residents.bootstrap(context.settings)
    try:
        return bool(doors) and all(ip_address(host).is_loopback for host, _ in doors)
    except ValueError:
        return False


def config(context: Context, node: Node | None, **options: Any) -> SessionConfig:
    """What the settings say about a session; ``options`` say the rest, or otherwise."""
    said: dict[str, Any] = {
        "node": node,
        "listen": residents.listen(context.settings),
        "same_host": at_home(context),
    }
    return SessionConfig(**(said | options))


@asynccontextmanager
async def joined(
    context: Context, *, dht: bool = True, **options: Any
) -> AsyncIterator[tuple[Session, Node | None]]:
    """A session for a command, with a short-lived node of the DHT unless that is not wanted."""
    if not dht:
        async with Session(config(context, None, **options)) as session:
            yield session, None
        return
    async with (
        visitor(context) as node,
        Session(config(context, node, **options)) as session,
    ):
        yield session, node


async def pursue(
    context: Context,
    label: str,
    torrent: Torrent,
    node: Node | None,
    deed: Callable[[], Awaitable[T]],
) -> T:
    """Do ``deed``, which waits for ``torrent``, for as long as it makes progress.

    Raises:
        CommandError: What the deed raised, or that nothing moved any more, with the evidence.
    """
    results: list[T] = []
    failures: list[CommandError] = []
    try:
        with patience(context.out, label, seconds_of_patience()) as waiting:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_watch, torrent, node, waiting)
                if node is not None and _alone(torrent):
                    nursery.start_soon(_joining, node, failures, nursery.cancel_scope)
                nursery.start_soon(_despairing, torrent, failures, nursery.cancel_scope)
                # Caught here, because the nursery would wrap it in a group.
                try:
                    results.append(await deed())
                except (TorrentError, DhtError) as problem:
                    failures.append(translated(problem))
                except CommandError as problem:
                    failures.append(problem)
                nursery.cancel_scope.cancel()
    except UnreachableError as error:
        raise _fruitless(error, torrent, node) from None
    for failure in failures:
        raise failure
    return results[0]


async def persevere(
    context: Context,
    label: str,
    watch: Callable[[Patience], Awaitable[object]],
    deed: Callable[[], Awaitable[T]],
) -> T:
    """Do ``deed`` for as long as ``watch`` sees progress, and extends the patience it is given.

    Raises:
        CommandError: What the deed raised, or that nothing moved any more.
    """
    results: list[T] = []
    failures: list[CommandError] = []
    try:
        with patience(context.out, label, seconds_of_patience()) as waiting:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(watch, waiting)
                # Caught here, because the nursery would wrap it in a group.
                try:
                    results.append(await deed())
                except (TorrentError, DhtError) as problem:
                    failures.append(translated(problem))
                nursery.cancel_scope.cancel()
    except UnreachableError as error:
        error.hint = "nobody has it now: try again later"
        raise
    for failure in failures:
        raise failure
    return results[0]


def _alone(torrent: Torrent) -> bool:
    """Whether nobody but the DHT can name peers of it."""
    task = torrent.task
    return not (task.peers or task.trackers or task.web_seeds)


async def _joining(node: Node, failures: list[CommandError], scope: trio.CancelScope) -> None:
    """End it all if there is no network, and nothing else to wait for."""
    try:
        await node.wait_ready()
    except NoNetwork as problem:
        failures.append(translated(problem))
        scope.cancel()


async def _despairing(
    torrent: Torrent, failures: list[CommandError], scope: trio.CancelScope
) -> None:
    """End it all once everybody who could know of a peer has said that there is none."""
    while True:
        await trio.sleep(_LOOK)
        evidence = _absence(torrent)
        if evidence is not None:
            break
    now, trackers = torrent.statistics(), sum(map(len, torrent.task.trackers))
    beside = f"; {count(trackers, 'tracker')} named nobody either" if trackers else ""
    failures.append(
        AbsentError(
            f"nobody provides {torrent.name}",
            achieved=absence(evidence) + beside,
            hint="its seeds have left, or have yet to come: try again later, or name somebody "
            "with --peer HOST:PORT",
            size_bytes=now.size,
            done_bytes=now.done,
            **facts(evidence),
        )
    )
    scope.cancel()


def _absence(torrent: Torrent) -> Evidence | None:
    """What the DHT was asked, if nobody is there now; ``None`` as long as somebody may be.

    Who is known and does not answer may be back any moment, as may a web server: those are waited
    for. Without the DHT there is nothing to show for it, and everybody is waited for.
    """
    now, sources = torrent.statistics(), torrent.sources
    if now.peers or now.known or torrent.complete or torrent.task.web_seeds:
        return None
    if not all(source.exhausted for source in sources):
        return None
    return next((source.evidence for source in sources if isinstance(source, DhtSource)), None)


async def _watch(torrent: Torrent, node: Node | None, waiting: Patience) -> None:
    """Show how it stands, and push the deadline back when anything moved."""
    last: object = None
    while True:
        now, sharing = torrent.statistics(), torrent.sharing
        joined = node is not None and node.ready
        moved = (now.phase, now.done, now.checked, now.downloaded, sharing.most, joined)
        # Who has everything may wait for others: a pipe's reader, a disk.
        if moved != last or torrent.complete:
            last = moved
            waiting.extend()
        waiting.stands(status(torrent), now.done, now.size or None, counted=False)
        await trio.sleep(_LOOK)


def status(torrent: Torrent) -> str:
    """How a torrent stands, in words: '37 % of 64.0 MiB, 12.1 MiB/s, 3 peers, 4 s left'."""
    now = torrent.statistics()
    peers = count(now.peers, "peer")
    if now.phase is Phase.METADATA:
        return f"looking for its metadata, {peers}"
    if now.phase is Phase.CHECKING:
        return f"checking what is there, {100 * now.checked:.0f} %"
    share = 100 * now.done // now.size if now.size else 100
    parts = [f"{share} % of {size(now.size)}", rate(now.download_rate), peers]
    if now.remaining_s:
        parts.append(f"{span(now.remaining_s)} left")
    return ", ".join(parts)


def _fruitless(error: UnreachableError, torrent: Torrent, node: Node | None) -> UnreachableError:
    """What was tried before patience ended."""
    now, sharing = torrent.statistics(), torrent.sharing
    asked, answered = (0, 0) if node is None else node.progress()
    dht = f"asked {count(asked, 'node')} of the DHT, {answered} answered; " if node else ""
    got = f"; {status(torrent)}" if sharing.most else ""
    hint = (
        "they have nothing that we lack: wait for a seed, and fetch it again"
        if sharing.most
        else "nobody has it now: try again later, or name somebody with --peer HOST:PORT"
    )
    return UnreachableError(
        error.message,
        achieved=f"{dht}dialled {count(sharing.dialled, 'peer')}, {sharing.answered} answered{got}",
        hint=hint,
        nodes_asked=asked,
        nodes_answered=answered,
        peers_dialled=sharing.dialled,
        peers_answered=sharing.answered,
        peers=now.peers,
        size_bytes=now.size,
        done_bytes=now.done,
    )
