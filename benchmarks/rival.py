"""A network of PyPI's ``kademlia`` in one process, driven through the same operations as ours.

Run as ``python -m benchmarks.rival`` with the plan as a JSON line on stdin; the measurements are a
JSON line on stdout. See :mod:`benchmarks.networks`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from random import Random
from typing import Any

from kademlia.network import Server
from kademlia.utils import digest

from benchmarks.machine import pin, resident

CALLS = ("call_ping", "call_store", "call_find_node", "call_find_value")


class Rival:
    """One of its nodes, its requests counted."""

    def __init__(self, k: int) -> None:
        self.server = Server(ksize=k)
        self.requests = 0

    async def join(self, *others: tuple[str, int]) -> tuple[str, int]:
        """Listen, and bootstrap through ``others``; where it listens."""
        await self.server.listen(0, interface="127.0.0.1")
        for name in CALLS:
            setattr(self.server.protocol, name, self._counted(getattr(self.server.protocol, name)))
        await self.server.bootstrap(list(others))
        address: tuple[str, int] = self.server.transport.get_extra_info("sockname")
        return address

    def _counted(self, call: Any) -> Any:
        async def counting(*args: Any) -> Any:
            self.requests += 1
            return await call(*args)

        return counting


async def timed(node: Rival, operation: Any) -> tuple[float, int, Any]:
    """Run ``operation``; how long it took, how many requests it sent, what it returned."""
    requests, start = node.requests, time.perf_counter()
    result = await operation
    return time.perf_counter() - start, node.requests - requests, result


async def run(plan: dict[str, Any]) -> dict[str, Any]:
    """Build the network, kill some of it, do the operations."""
    rng, before = Random(plan["seed"]), resident()
    nodes = [Rival(plan["k"]) for _ in range(plan["nodes"])]
    first = await nodes[0].join()
    started = time.perf_counter()
    for node in nodes[1:]:
        await node.join(first)
    joined = time.perf_counter() - started
    grown = resident() - before
    rng.shuffle(nodes)
    dead = int(plan["dead"] * len(nodes))
    for node in nodes[:dead]:
        node.server.stop()
    alive = nodes[dead:]
    results: dict[str, Any] = {"put": [], "get": [], "miss": [], "lost": 0}
    for index in range(plan["operations"]):
        key = f"key {plan['seed']} {index}"
        writer, reader, loser = rng.sample(alive, 3)
        results["put"].append((await timed(writer, writer.server.set(key, "x" * 100)))[:2])
        seconds, requests, found = await timed(reader, reader.server.get(key))
        results["get"].append((seconds, requests))
        results["lost"] += found is None
        absent = await timed(loser, loser.server.get(digest(rng.randbytes(20)).hex()))
        results["miss"].append(absent[:2])
    for node in alive:
        node.server.stop()
    return {"joined": joined, "bytes_per_node": grown / len(nodes), **results}


def main() -> None:
    """Do what the plan on stdin says."""
    pin(0)
    logging.disable(logging.CRITICAL)  # it logs a line or more for every request
    print(json.dumps(asyncio.run(run(json.loads(sys.stdin.readline())))))


if __name__ == "__main__":
    main()
