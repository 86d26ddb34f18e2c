"""A network of our nodes in one process, driven as the plan on stdin says.

Run as ``python -m benchmarks.network``; see :mod:`benchmarks.networks`.
"""

from __future__ import annotations

import json
import sys
import time
from random import Random
from typing import TYPE_CHECKING, Any

import trio

from benchmarks.machine import pin, resident
from dht import Node, NotFound
from dht.testing import Conditions, Testnet

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from dht.core.effects import Evidence

VALUE = 100
"""Bytes of each value put."""


async def run(plan: dict[str, Any]) -> dict[str, Any]:
    """Build the network, kill some of it, do the operations."""
    rng = Random(plan["seed"])
    conditions = Conditions(*plan["delay"], rng=rng) if plan["delay"] else None
    before, started = resident(), time.perf_counter()
    policy = {"k": plan["k"], "beta": plan["k"]}
    async with Testnet(
        plan["nodes"], seed=plan["seed"], conditions=conditions, policy=policy
    ) as net:
        joined, grown = time.perf_counter() - started, resident() - before
        await net.kill(float(plan["dead"]))
        results = await operate(net.nodes, plan["operations"], rng)
    return {"joined": joined, "bytes_per_node": grown / plan["nodes"], **results}


async def operate(alive: tuple[Node, ...], operations: int, rng: Random) -> dict[str, Any]:
    """Put, get and miss in turn, each time from other nodes; no node twice if there are enough."""
    results: dict[str, Any] = {"put": [], "get": [], "miss": [], "lost": 0}
    actors: list[Node] = []
    for _ in range(operations):
        if len(actors) < 3:
            actors = rng.sample(alive, len(alive))
        writer, reader, loser = (actors.pop() for _ in range(3))
        value, absent = rng.randbytes(VALUE), rng.randbytes(20)
        start = time.perf_counter()
        stored = await writer.put(value)
        results["put"].append((time.perf_counter() - start, stored.evidence.requests))
        timed, found = await attempt(reader.get, stored.key)
        results["get"].append(timed)
        results["lost"] += not found
        timed, _ = await attempt(loser.get, absent)
        results["miss"].append(timed)
    return results


async def attempt(
    get: Callable[[bytes], Awaitable[Any]], key: bytes
) -> tuple[tuple[float, int], bool]:
    """Get ``key``: how long it took and how many requests, and whether it was found."""
    start = time.perf_counter()
    try:
        evidence: Evidence = (await get(key)).evidence
        found = True
    except NotFound as error:
        evidence, found = error.evidence, False
    return (time.perf_counter() - start, evidence.requests), found


def main() -> None:
    """Do what the plan on stdin says."""
    pin(0)
    print(json.dumps(trio.run(run, json.loads(sys.stdin.readline()))), flush=True)


if __name__ == "__main__":
    main()
