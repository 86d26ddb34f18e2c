"""(k) Simulated networks of the engines that ship, and our event loop beside SimPy's.

Each network runs in a process of its own, on one core: N engines with k = 20 and full tables, at a
constant latency, and lookups that end when the 20 closest have answered. They begin one after the
other, evenly; upkeep rests.

Lookups are made in slices, and the figure is the median of the slices: other work on the machine
disturbs some of them, and what is promised is speed and not luck.

The loops are compared on a model that both can run, and that costs nothing but events: messages
that are passed from node to node, each a second or so under way. SimPy is given its cheapest form,
callbacks on timeouts; its generators cost twice as much.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from random import Random
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.machine import pin, resident
from benchmarks.report import Row
from dht.core import commands as do
from dht.core.engine import Engine
from simulations.protocol.networks import network
from simulations.protocol.tables import Planter
from simulations.protocol.truth import Truth
from simulations.protocol.world import World

if TYPE_CHECKING:
    from dht.core.effects import Evidence
    from dht.core.keys import Key
    from simulations.protocol.node import Node

K, ALPHA = 20, 3
DELAY = 0.05
GAP = 0.01
"""Virtual seconds between two lookups: a few dozen are under way at once."""
SLICE = 50
LOOKUPS_DEMAND, BYTES_DEMAND = 1500, 20_000
TOKENS = 1000
FOREVER = 1e9


def constant(source: Node, target: Node) -> float:
    """Every message takes equally long."""
    return DELAY


class Network:
    """N engines with full tables, and lookups through them."""

    def __init__(self, nodes: int) -> None:
        before = resident()
        self.net = network(
            "mainline",
            k=K,
            beta=K,
            alpha=ALPHA,
            refresh_every=FOREVER,
            questionable_after=FOREVER,
        )
        self.rng = Random(1)
        self.world = World(constant)
        for index in range(nodes):
            contact = self.net.contact(index, self.rng)
            self.world.add(contact, Engine(contact.key, self.net.policy, self.rng))
        planter = Planter(self.world.nodes, self.net.policy)
        for node in self.world.nodes:
            planter.plant_full(node, 0.0, self.rng)
        gc.collect()
        self.bytes_per_node = (resident() - before) / nodes
        self.truth = Truth(self.net.policy.space, (node.key for node in self.world.nodes))
        self.targets: list[Key] = []
        self.missed = 0
        self.world.on_finished = self.judge

    def begin(self) -> None:
        """One lookup, by somebody."""
        self.targets.append(self.net.policy.space.draw(self.rng))
        node = self.world.nodes[self.rng.randrange(len(self.world.nodes))]
        self.world.command(node, do.Walk(len(self.targets), self.targets[-1]))

    def judge(self, node: Node, number: int, evidence: Evidence) -> None:
        """Each must have found the closest there are."""
        true = self.truth.closest(self.targets[number - 1], K, node.key)
        self.missed += [contact.key for contact in evidence.closest] != true

    def look_up(self, slices: int) -> dict[str, float]:
        """Make lookups; what was measured."""
        for index in range(slices * SLICE):
            self.world.schedule(GAP * (index + 1), self.begin)
        lookups: list[float] = []
        messages: list[float] = []
        for each in range(1, slices + 1):
            sent, started = self.world.requests + self.world.responses, time.process_time()
            self.world.run(GAP * SLICE * each)
            spent = time.process_time() - started
            lookups.append(SLICE / spent)
            messages.append((self.world.requests + self.world.responses - sent) / spent)
        self.world.run(GAP * SLICE * slices + 30)
        return {
            "lookups": median(lookups[1:]),
            "best": max(lookups[1:]),
            "messages": median(messages[1:]),
            "requests": self.world.requests / len(self.targets),
            "bytes": self.bytes_per_node,
            "missed": self.missed,
        }


def wander(place: int) -> tuple[int, float]:
    """Where a message goes next, and how long it takes: the same in both loops."""
    onward = (place * 25173 + 13849) & 0xFFFF
    return onward, 0.5 + onward / 0x10000


class Ours:
    """Messages on our heap."""

    def __init__(self) -> None:
        self.world = World(constant)
        self.seen = 0

    def arrive(self, place: int) -> None:
        """One arrives, and is passed on."""
        self.seen += 1
        onward, delay = wander(place)
        self.world.schedule(self.world.now + delay, self.arrive, onward)

    def run(self, until: float) -> int:
        """How many have arrived."""
        for token in range(TOKENS):
            self.arrive(token)
        self.world.run(until)
        return self.seen - TOKENS


class Simpy:
    """Messages on SimPy's."""

    def __init__(self) -> None:
        import simpy

        self.environment = simpy.Environment()
        self.seen = 0

    def send(self, place: int) -> None:
        """Pass one on."""
        onward, delay = wander(place)
        self.environment.timeout(delay, onward).callbacks.append(self.arrive)

    def arrive(self, event: Any) -> None:
        """One arrives."""
        self.seen += 1
        self.send(event.value)

    def run(self, until: float) -> int:
        """How many have arrived."""
        for token in range(TOKENS):
            self.send(token)
        self.environment.run(until)
        return self.seen


def timed(loop: Ours | Simpy, until: float) -> tuple[int, float]:
    """Events, and events a second."""
    started = time.process_time()
    events = loop.run(until)
    return events, events / (time.process_time() - started)


def loops(*, smoke: bool) -> Row:
    """Both loops, in turn."""
    until = 10.0 if smoke else 100.0  # Of less, most is Python getting warm.
    rates: dict[str, list[float]] = {"ours": [], "simpy": []}
    for _ in range(3):
        ours, simpy = timed(Ours(), until), timed(Simpy(), until)
        if ours[0] != simpy[0]:
            raise AssertionError(f"the loops disagree: {ours[0]} and {simpy[0]} events")
        rates["ours"].append(ours[1])
        rates["simpy"].append(simpy[1])
    mine, theirs = median(rates["ours"]), median(rates["simpy"])
    return Row(
        "event loop, messages passed on",
        f"{mine:,.0f} ev/s",
        f"SimPy {theirs:,.0f} ev/s",
        f"{mine / theirs:.2f}x",
    )


def measured(nodes: int, slices: int) -> dict[str, float]:
    """A network in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.sim_protocol", str(nodes), str(slices)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def rows_of(nodes: int, slices: int) -> list[Row]:
    """The rows of one size; demands are made at 10,000 nodes."""
    got = measured(nodes, slices)
    judged = nodes >= 10_000
    what = f"{nodes:,} engines, k = {K}"
    speed = f"{got['lookups']:,.0f}/s (best slice {got['best']:,.0f})"
    beside = f"{got['requests']:.1f} requests each, {got['missed']:.0f} not exact"
    fast = got["lookups"] >= LOOKUPS_DEMAND and not got["missed"]
    slim = got["bytes"] <= BYTES_DEMAND
    demand = f">= {LOOKUPS_DEMAND:,}/s", f"<= {BYTES_DEMAND:,} B"
    return [
        Row(f"{what}: full lookups", speed, beside, "", *((demand[0], fast) if judged else ())),
        Row(f"{what}: messages", f"{got['messages']:,.0f}/s"),
        Row(
            f"{what}: memory a node",
            f"{got['bytes']:,.0f} B",
            "",
            "",
            *((demand[1], slim) if judged else ()),
        ),
    ]


def run(*, smoke: bool) -> list[Row]:
    """All rows of this section."""
    sizes = ((100, 3),) if smoke else ((1000, 40), (10_000, 40))
    return [row for size in sizes for row in rows_of(*size)] + [loops(smoke=smoke)]


if __name__ == "__main__":
    pin(0)
    print(json.dumps(Network(int(sys.argv[1])).look_up(int(sys.argv[2]))))
