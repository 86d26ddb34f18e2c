"""``dhtctl node``: a node in the foreground that keeps the promises of its state directory."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

import trio

from cli import residents
from cli.errors import ExitCode
from cli.evidence import count
from cli.torrents.seeding import seed_what_is_promised
from dht.errors import NoNetwork
from dht.node.config import NodeConfig
from dht.node.identity import Identity
from dht.node.node import Node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.context import Context

_WAIT_TO_JOIN: Final = 3.0
"""Seconds that the first line may wait for others to answer; we answer from the start."""
_ALONE: Final = "nobody answered yet; still trying. `dhtctl doctor` looks for the cause"
_FIRST: Final = "nobody to join through: the first of a network, until others join through us"
_LOOK: Final = 1.0
"""Seconds between two looks at what there is to tell; the keeper of promises looks as often."""


async def run(context: Context) -> ExitCode:
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
    began = False
    try:
        async with Node(config) as node:
            began = True
            await _introduce(context, node)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_tell, context, node)
                # Who is not the node of the state directory leaves its promises to who is.
                if _is_resident(context):
                    limit = context.args.upload_limit or float("inf")
                    nursery.start_soon(partial(seed_what_is_promised, upload=limit), context, node)
    finally:
        if began:
            context.out.note(f"stopped; state saved in {settings.state}", "stopped")
    return ExitCode.DONE


async def _introduce(context: Context, node: Node) -> None:
    """Say who we are and where, once: the line that scripts wait for."""
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
        resident=_is_resident(context),
        serving=statistics.serving,
        joined=node.ready,
        contacts=statistics.contacts,
    )
    if not _is_resident(context):
        _apologise(context)


def _is_resident(context: Context) -> bool:
    """Whether we are the node of the state directory, and nobody else is."""
    return Identity.holder(context.settings.state) == os.getpid()


def _apologise(context: Context) -> None:
    """Somebody else has the identity: one of its kind at two addresses would be distrusted."""
    holder = Identity.holder(context.settings.state)
    whose = f"process {holder}" if holder else "another process"
    context.out.warn(
        f"{whose} is the node of {context.settings.state}: this one goes on under a throw-away "
        "identity, answers nobody, and leaves the promises to the other",
        hint="for a node of its own, give it a directory of its own with --state",
        pid=holder,
    )


async def _tell(context: Context, node: Node) -> NoReturn:
    """Tell what changes, for as long as we live."""
    last: Standing | None = None
    while True:
        now = Standing.of(node)
        for text, kind, facts in now.news(last):
            context.out.note(text, kind, **facts)
        last = now
        # Nothing in a node says that its numbers moved, so that they may move a thousand times
        # a second; to look is cheap.
        await trio.sleep(_LOOK)


@dataclass(frozen=True, slots=True)
class Standing:
    """What there is to tell about a node at a moment."""

    joined: bool
    contacts: int
    promises: int
    external: str | None
    serving: bool

    @classmethod
    def of(cls, node: Node) -> Self:
        """How ``node`` stands now."""
        now = node.statistics()
        return cls(now.ready, now.contacts, now.promises, now.external, now.serving)

    def news(self, last: Standing | None) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """What changed since ``last``: in words, its kind, and as facts."""
        if last is None or self.joined != last.joined:
            if self.joined:
                known = count(self.contacts, "contact")
                text = f"joined; {known}" if self.contacts else _FIRST
                yield text, "joined", {"contacts": self.contacts}
            else:
                yield _ALONE, "alone", {}
        if self.promises != (last.promises if last else 0):
            kept = count(self.promises, "promise")
            yield f"keeping {kept}", "keeping", {"promises": self.promises}
        seen = self.external
        if seen and seen != (last and last.external) and ip_address(seen).is_global:
            yield f"others see us at {seen}", "seen", {"external": seen}
        if last is not None and self.serving != last.serving:
            mode = "serving" if self.serving else "read-only: nobody asked us anything for long"
            yield f"now {mode}", "mode", {"serving": self.serving}
