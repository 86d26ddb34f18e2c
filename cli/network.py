"""Verbs on the network: a short-lived node, and work that is watched while it goes on.

The node of a verb is only passing through: it has a throw-away identity, answers nobody (BEP 43),
joins through the node of its state directory if one is running, else through the contacts saved
there, else through the bootstrap list; and leaves its promises in the state directory.
"""

from __future__ import annotations

import os
from math import inf, nan
from typing import TYPE_CHECKING, Any, Final, TypeVar

import trio

from cli.errors import UsageError
from cli.evidence import count
from cli.patience import PATIENCE, patience
from cli.residents import bootstrap, listen
from dht.errors import DhtError
from dht.node.config import NodeConfig
from dht.node.node import Node

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cli.context import Context
    from cli.patience import Patience

T = TypeVar("T")

_LOOK: Final = 0.2
"""Seconds between two looks at how far the work is."""


def visitor(context: Context, **options: Any) -> Node:
    """The node of a verb: read-only, without an identity, gone when the verb is done."""
    return Node(node_config(context, mode="client", resident=False, **options))


def node_config(context: Context, **options: Any) -> NodeConfig:
    """What the settings say about a node; ``options`` say the rest, or otherwise.

    Raises:
        UsageError: An address makes no sense.
    """
    settings = context.settings
    said: dict[str, Any] = {
        "state": settings.state,
        "listen": listen(settings),
        "bootstrap": bootstrap(settings),
    }
    return NodeConfig(**(said | options))


def seconds_of_patience() -> float:
    """Seconds without progress that end a verb; the environment may say otherwise, for tests.

    Raises:
        UsageError: It says nonsense.
    """
    said = os.environ.get("DHTCTL_PATIENCE")
    if not said:
        return PATIENCE
    try:
        seconds = float(said)
    except ValueError:
        seconds = nan
    if not 0 < seconds < inf:  # nan is not, either
        raise UsageError(f"DHTCTL_PATIENCE: {said!r} is not a number of seconds above 0")
    return seconds


async def attempt(context: Context, node: Node, label: str, deed: Callable[[], Awaitable[T]]) -> T:
    """Do ``deed`` with ``node``, show how far it is, and end it when nothing moves any more.

    Raises:
        DhtError: What the deed raised.
        UnreachableError: There was no progress for too long.
    """
    results: list[T] = []
    failures: list[DhtError] = []
    with patience(context.out, label, seconds_of_patience()) as waiting:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_watch, node, waiting)
            # Caught here, because the nursery would wrap it in a group.
            try:
                results.append(await deed())
            except DhtError as problem:
                failures.append(problem)
            nursery.cancel_scope.cancel()
    for failure in failures:
        raise failure
    return results[0]


async def _watch(node: Node, waiting: Patience) -> None:
    """Report what the node's operations have asked and heard, whenever it heard more."""
    heard = -1
    while True:
        asked, answered = node.progress()
        if answered != heard:
            heard = answered
            waiting.moved(f"asked {count(asked, 'node')}, {answered} answered")
        await trio.sleep(_LOOK)
