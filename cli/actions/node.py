"""``dhtctl node``: a node in the foreground that keeps the promises of its state directory."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

from cli import residents
from cli.errors import ExitCode
from cli.evidence import count
from dht.errors import NoNetwork
from dht.node.config import NodeConfig
from dht.node.identity import Identity

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from cli.context import Context
    from dht.node.node import Node

_WAIT_TO_JOIN: Final = 3.0
"""Seconds that the first line may wait for others to answer; we answer from the start."""
_ALONE: Final = "nobody answered yet; still trying. `dhtctl doctor` looks for the cause"
_FIRST: Final = "nobody to join through: the first of a network, until others join through us"
_SUCCEEDED: Final = "the node of the state directory is gone: took over its identity and promises"
_LOOK: Final = 1.0
"""Seconds between two looks at what there is to tell; the keeper of promises looks as often."""


def run(context: Context) -> Coroutine[Any, Any, NoReturn]:
    """Live until stopped, which is how this command succeeds."""
    context.when_stopped = ExitCode.DONE
    settings = context.settings
    config = NodeConfig(
        listen=residents.listen(settings),
        bootstrap=residents.bootstrap(settings),
        state=settings.state,
        mode=context.args.mode,
        port_mapping=context.args.port_mapping,
    )
    return _live(context, config)


async def _live(context: Context, config: NodeConfig) -> NoReturn:
    import trio

    from dht.node.node import Node

    teller = Teller(context)
    try:
        async with Node(config) as node, trio.open_nursery() as nursery:
            nursery.start_soon(_seed, context, node)
            await teller.tell(node)
    finally:
        teller.conclude()


async def _seed(context: Context, node: Node) -> None:
    """Keep the promises of torrents, from when we are the node of the state directory."""
    import trio

    while not node.statistics().resident:  # noqa: ASYNC110 - nothing in a node says so
        await trio.sleep(_LOOK)
    # Not before: a node without torrents need not carry what exchanges pieces.
    from cli.torrents.seeding import seed_what_is_promised

    limit = context.args.upload_limit or float("inf")
    await seed_what_is_promised(context, node, upload=limit)


async def _introduce(context: Context, node: Node) -> None:
    """Say who we are and where, once: the line that scripts wait for."""
    import trio

    with trio.move_on_after(_WAIT_TO_JOIN), suppress(NoNetwork):
        # Usually milliseconds, and then the line also means: part of the network.
        await node.wait_ready()
    statistics, addresses = node.statistics(), residents.shown(node.addresses)
    context.out.result(
        "node",
        f"node {node.key.hex()} at {' '.join(addresses)}",
        id=node.key.hex(),
        addresses=addresses,
        pid=os.getpid(),
        state=str(context.settings.state),
        resident=statistics.resident,
        serving=statistics.serving,
        joined=node.ready,
        contacts=statistics.contacts,
    )
    if not statistics.resident:
        _apologise(context)


def _apologise(context: Context) -> None:
    """Somebody else has the identity: one of its kind at two addresses would be distrusted."""
    holder = Identity.holder(context.settings.state)
    whose = f"process {holder}" if holder else "another process"
    context.out.warn(
        f"{whose} is the node of {context.settings.state}: this one goes on under a throw-away "
        "identity, answers nobody, leaves the promises to the other, and takes over when that ends",
        hint="for a node of its own, give it a directory of its own with --state",
        pid=holder,
    )


class Teller:
    """Tells what becomes of a node, from its first line to its last."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._last: Standing | None = None

    async def tell(self, node: Node) -> NoReturn:
        """Introduce ``node``, then tell what changes, for as long as it lives."""
        import trio

        out = self._context.out
        self._last = Standing.of(node)
        await _introduce(self._context, node)
        last: Standing | None = None
        while True:
            now = self._last = Standing.of(node)
            for text, kind, facts in now.news(last):
                out.note(text, kind, **facts)
            last = now
            # Nothing in a node says that its numbers moved, so that they may move a thousand times
            # a second; to look is cheap.
            await trio.sleep(_LOOK)

    def conclude(self) -> None:
        """Say that it ended, if it ever began; and what was saved, if that was its to do."""
        if self._last is not None:
            saved, where = self._last.resident, self._context.settings.state
            state = f"state saved in {where}" if saved else f"the state in {where} is its node's"
            self._context.out.note(f"stopped; {state}", "stopped", saved=saved)


@dataclass(frozen=True, slots=True)
class Standing:
    """What there is to tell about a node at a moment."""

    joined: bool
    contacts: int
    promises: int
    external: str | None
    serving: bool
    resident: bool

    @classmethod
    def of(cls, node: Node) -> Self:
        """How ``node`` stands now."""
        now = node.statistics()
        return cls(now.ready, now.contacts, now.promises, now.external, now.serving, now.resident)

    def news(self, last: Standing | None) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """What changed since ``last``: in words, its kind, and as facts."""
        if last is None or self.joined != last.joined:
            if self.joined:
                known = count(self.contacts, "contact")
                text = f"joined; {known}" if self.contacts else _FIRST
                yield text, "joined", {"contacts": self.contacts}
            else:
                yield _ALONE, "alone", {}
        if last is not None and self.resident and not last.resident:
            yield _SUCCEEDED, "resident", {"resident": True}
        if self.promises != (last.promises if last else 0):
            kept = count(self.promises, "promise")
            yield f"keeping {kept}", "keeping", {"promises": self.promises}
        seen = self.external
        if seen and seen != (last and last.external) and ip_address(seen).is_global:
            yield f"others see us at {seen}", "seen", {"external": seen}
        if last is not None and self.serving != last.serving:
            mode = "serving" if self.serving else "read-only: nobody asked us anything for long"
            yield f"now {mode}", "mode", {"serving": self.serving}
