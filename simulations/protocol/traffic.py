"""What users of a network do, and what came of it: lookups, puts and gets, one row each.

Every operation is judged, when it ends, by what a perfect observer knows at that moment
(:mod:`simulations.protocol.truth`): the truly closest among the honest nodes that live, serve and
can be reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dht.core import commands as do
from dht.core.messages import Record
from simulations.rows import LOOKUPS, Kind, Rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from dht.core.commands import Command
    from dht.core.effects import Evidence, Found
    from dht.core.keys import Key
    from simulations.protocol.networks import Network
    from simulations.protocol.node import Node
    from simulations.protocol.truth import Truth
    from simulations.protocol.world import World
    from simulations.scenario import Traffic


@dataclass(slots=True)
class Errand:
    """One operation under way.

    Attributes:
        kind: What it is for.
        target: The key it goes to.
        wanted: The value a get must find.
        found: It did.
        wrong: It found another.
    """

    kind: Kind
    target: Key
    began: float
    wanted: bytes | None = None
    found: bool = False
    wrong: bool = False


class Users:
    """Makes operations, and keeps what came of them.

    Args:
        world: Where.
        network: Whose keys and records.
        truth: Who is there.
        traffic: What is wanted, and how often.
        rng: The users' chance.
        paths: Disjoint paths of each walk.

    Attributes:
        stored: Records that were put and acknowledged, in order: what gets ask for.
        prey: The record whose key puts and lookups are for, where an attacker is after one; else
            each has its own.
    """

    def __init__(
        self,
        world: World,
        network: Network,
        truth: Truth,
        traffic: Traffic,
        rng: Random,
        *,
        paths: int = 1,
    ) -> None:
        self.stored: list[Record] = []
        self.prey: Record | None = None
        self._world = world
        self._network = network
        self._truth = truth
        self._traffic = traffic
        self._rng = rng
        self._paths = paths
        self._open: dict[int, Errand] = {}
        self._puts: dict[int, Record] = {}
        self._last = 0
        self._columns: dict[str, list[float]] = {name: [] for name in LOOKUPS}
        self._remarks: list[Callable[[Node, Errand, Evidence], float]] = []
        world.on_found = self._found
        world.on_finished = self._finished

    def rows(self) -> Rows:
        """What was seen, in the order in which operations ended."""
        return Rows(self._columns)

    @property
    def idle(self) -> bool:
        """Nothing is under way."""
        return not self._open

    def remark(self, name: str, remark: Callable[[Node, Errand, Evidence], float]) -> None:
        """Note one number more of each operation, in a column of its own, as it ends.

        To be said before anything is noted: columns are of one length.
        """
        self._columns[name] = []
        self._remarks.append(remark)

    # Beginning.

    def operate(self, node: Node) -> int:
        """Have ``node`` do something, of what the traffic consists of; the operation's number."""
        dice, traffic = self._rng.random(), self._traffic
        if dice < traffic.puts:
            return self.put(node)
        if dice < traffic.puts + traffic.gets and self.stored:
            return self.get(node, self.stored[self._rng.randrange(len(self.stored))])
        target = self._network.policy.space.draw(self._rng)
        return self.seek(node, target if self.prey is None else self.prey.key)

    def seek(self, node: Node, target: Key) -> int:
        """Have ``node`` look for the closest to ``target``."""
        number = self._begin(Errand(Kind.LOOKUP, target, self._world.now))
        return self._go(node, do.Walk(number, target, self._paths))

    def put(self, node: Node, record: Record | None = None, region: int | None = None) -> int:
        """Have ``node`` store a record, a fresh one by default; where the traffic says, or so."""
        if record is None:
            record = self.prey or self._network.record(b"%d" % (self._last + 1))
        number = self._begin(Errand(Kind.PUT, record.key, self._world.now))
        self._puts[number] = record
        region = (self._traffic.region if region is None else region) or None
        return self._go(node, do.Publish(number, record, None, self._paths, region))

    def get(self, node: Node, record: Record) -> int:
        """Have ``node`` read what was stored as ``record``."""
        number = self._begin(Errand(Kind.GET, record.key, self._world.now, record.value))
        return self._go(node, do.Retrieve(number, record.key, record.salt, None, self._paths))

    def join(self, node: Node, gate: Node) -> int:
        """Have ``node`` join the network through ``gate``."""
        number = self._begin(Errand(Kind.JOIN, node.key, self._world.now))
        return self._go(node, do.Bootstrap(number, (gate.endpoint,)))

    def _begin(self, errand: Errand) -> int:
        self._last += 1
        self._open[self._last] = errand
        return self._last

    def _go(self, node: Node, command: Command) -> int:
        self._world.command(node, command)
        return self._last

    # Ending.

    def _found(self, node: Node, found: Found) -> None:
        if isinstance(found.item, Record):
            errand = self._open.get(found.operation)
            if errand is not None:  # The last one found is the one believed.
                errand.found = found.item.value == errand.wanted
                errand.wrong = not errand.found

    def _finished(self, node: Node, number: int, evidence: Evidence) -> None:
        errand = self._open.pop(number, None)
        record = self._puts.pop(number, None)
        if errand is None:
            return
        if record is not None and evidence.holders:
            self.stored.append(record)
        if errand.began >= self._traffic.warmup:
            self._note(node, errand, evidence)

    def _note(self, node: Node, errand: Errand, evidence: Evidence) -> None:
        k = self._network.policy.k
        ends = evidence.holders if errand.kind is Kind.PUT else evidence.closest
        keys = [contact.key for contact in ends]
        true = self._truth.closest(errand.target, k, node.key)
        success = errand.found if errand.kind is Kind.GET else bool(keys)
        if errand.kind is Kind.LOOKUP:
            success = bool(true) and true[0] in keys
        share = len(set(true).intersection(keys)) / len(true) if true else 1.0
        values = (
            errand.began,
            node.index,
            errand.kind,
            success,
            share,
            evidence.hops,
            evidence.requests,
            evidence.silent,
            self._world.now - errand.began,
            *(remark(node, errand, evidence) for remark in self._remarks),
        )
        for column, value in zip(self._columns.values(), values, strict=True):
            column.append(value)
