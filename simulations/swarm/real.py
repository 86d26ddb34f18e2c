"""A run of the swarms that ship, from settings to rows.

What the compiled swarm decides by settings is here what the code does: tit-for-tat, turns of a
seed, rarest first, digests of blocks. Settings that ask for something else are refused. Where the
two differ even so:

===============  ========================================  =========================================
                 compiled                                  here
===============  ========================================  =========================================
unit             a piece, or a part of one                 a block of 16 KiB
uplink           equal shares of a step                    one block after the other
latency          none; news is a step old                  :attr:`SwarmSettings.latency`
slots            a fixed number                            more while one stands idle
rates            bytes in two rounds                       :mod:`torrent.core.rates`
endgame          the rest of a piece is split              blocks are asked for twice
neighbours       from the tracker                          from tracker and gossip (BEP 11)
liars            known by chunk                            known by block
===============  ========================================  =========================================

What this makes is a beginning and an end that are some seconds longer, whatever the content: 20
peers and a fast source took 1.11 of the limit compiled and 1.31 here for 60 pieces of 64 KiB, and
1.03 and 1.06 for 240. Peers upload as much for what they download on average, but are less alike.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from simulations.errors import ConfigError
from simulations.swarm.arrays import FREE_RIDER, HONEST, LIAR, ORIGIN
from simulations.swarm.cloth import woven
from simulations.swarm.member import Member
from simulations.swarm.people import People, people
from simulations.swarm.results import transfers
from simulations.swarm.world import SwarmWorld
from torrent.core.metainfo import Version
from torrent.core.policy import SwarmPolicy

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from simulations.chance import Chance
    from simulations.rows import Rows
    from simulations.swarm.settings import SwarmSettings

ASK_AGAIN: Final = 30.0
"""Seconds between two questions to the tracker, by peers that have too few neighbours."""
REPORT: Final = 10.0
"""Seconds of virtual time between two reports of progress."""
MOST_REAL: Final = 5000
"""Peers: each is a Python object that takes part in every millisecond."""


def real_run(
    swarm: SwarmSettings, chance: Chance, progress: Callable[[float], None] | None = None
) -> Rows:
    """Run real swarms until everybody who wants to has finished, or the horizon is reached.

    Raises:
        ConfigError: The settings ask for what the code that ships does not do.
    """
    _possible(swarm)
    who = people(swarm, chance)
    run = _Run(swarm, who, chance)
    at = 0.0
    while at < swarm.horizon and not run.over():
        at = min(at + REPORT, swarm.horizon)
        run.world.run(at, run.over)
        if progress is not None:
            progress(at)
    return run.rows()


def _possible(swarm: SwarmSettings) -> None:
    rules = swarm.rules
    asked = {
        "rules.choke": rules.choke == "tit-for-tat",
        "rules.seed_choke": rules.seed_choke == "turns",
        "rules.whole": not rules.whole,
        "rules.rarest": rules.rarest,
        "rules.ban": rules.ban == "digests",
        "origin.super_seeding": not swarm.origin.super_seeding,
    }
    for name, ships in asked.items():
        if not ships:
            raise ConfigError(f"{name}: this is not what the code that ships does")
    if swarm.peers > MOST_REAL:
        raise ConfigError(f"peers is {swarm.peers}, but real swarms run up to {MOST_REAL}")


class _Run:
    """Members as they come and go."""

    def __init__(self, swarm: SwarmSettings, who: People, chance: Chance) -> None:
        content = swarm.content
        version = Version.V1 if content.hashes == "v1" else Version.V2
        self.swarm, self.who, self.chance = swarm, who, chance
        self.world = SwarmWorld(swarm.latency)
        self.info = woven(content.pieces, content.piece_bytes, version)
        self.tracker = chance.stream("tracker").random()
        self.members: list[Member | None] = [None] * who.total
        self.present: list[Member] = []
        self.numbers: dict[str, int] = {}
        self.waiting = int(np.isin(who.role, (HONEST, FREE_RIDER)).sum())
        for number in np.argsort(who.arrival, kind="stable"):
            self.world.schedule(float(who.arrival[number]), partial(self._arrive, int(number)))

    def over(self) -> bool:
        """Whether nobody is left who wants something."""
        return self.waiting == 0

    def _arrive(self, number: int) -> None:
        who, rng = self.who, self.chance.stream("peer", number).random()
        host = f"10.{number >> 16}.{(number >> 8) & 255}.{number & 255}"
        member = Member(
            self.world,
            self.info,
            self._policy(number),
            rng,
            host=host,
            role=int(who.role[number]),
            up=float(who.up[number]),
            down=float(who.down[number]),
            lie=self.swarm.misfits.lie,
            honest=self.swarm.misfits.liars == 0,
        )
        self.members[number] = member
        self.numbers[host] = number
        self.present.append(member)
        # A crowd that comes at once is mixed: all are there before the first one is told of others.
        self.world.schedule(self.world.now, lambda: self._enter(member, rng))
        if member.role in {HONEST, FREE_RIDER}:
            self.world.schedule(
                self.world.now + float(who.patience[number]), lambda: self._give_up(number)
            )
            member.on_completed = lambda: self._completed(number)

    def _policy(self, number: int) -> SwarmPolicy:
        rules, rider = self.swarm.rules, self.who.role[number] == FREE_RIDER
        wide = max(rules.most_neighbours, self.swarm.misfits.view if rider else 0)
        return SwarmPolicy(
            port=6881, connections=wide, upload_slots=0 if rider else rules.slots, candidates=5000
        )

    def _enter(self, member: Member, rng: Random) -> None:
        if member.gone:
            return
        member.arrive(self._named(member))
        self._ask_later(member)

    def _ask_later(self, member: Member) -> None:
        def ask() -> None:
            if not member.gone:
                if 2 * member.degree < self.swarm.rules.neighbours:
                    member.told(self._named(member))
                self._ask_later(member)

        self.world.schedule(self.world.now + ASK_AGAIN, ask)

    def _named(self, member: Member) -> list[tuple[str, int]]:
        """Whom the tracker names: as many as are looked for, at random."""
        wanted = self.swarm.rules.neighbours
        if member.role == FREE_RIDER:
            wanted = max(wanted, self.swarm.misfits.view)
        named = self.tracker.sample(self.present, min(wanted + 1, len(self.present)))
        return [other.endpoint for other in named if other is not member][:wanted]

    def _completed(self, number: int) -> None:
        self.waiting -= 1
        stay = float(self.who.stay[number])
        self.world.schedule(self.world.now + stay, lambda: self._go(number))

    def _give_up(self, number: int) -> None:
        member = self.members[number]
        if member is not None and not member.gone and math.isnan(member.completed):
            self.waiting -= 1
            self._go(number)

    def _go(self, number: int) -> None:
        member = self.members[number]
        if member is not None and not member.gone:
            self.present.remove(member)
            member.leave()

    def rows(self) -> Rows:
        """What came of it."""
        bans, false = np.zeros(self.who.total), np.zeros(self.who.total)
        for number, member in enumerate(self.members):
            for host in member.banned if member is not None else ():
                bans[self.numbers[host]] += 1
                false[number] += self.who.role[self.numbers[host]] != LIAR
        columns = {
            "completion_s": np.array(
                [math.nan if m is None else m.completed for m in self.members]
            ),
            "left_s": np.array([math.inf if m is None else m.left for m in self.members]),
            "uploaded": np.array([0 if m is None else m.uploaded for m in self.members]),
            "downloaded": np.array([0 if m is None else m.downloaded for m in self.members]),
            "wasted": np.array([0 if m is None else m.wasted() for m in self.members]),
            "banned": bans,
            "false_bans": false,
        }
        columns["completion_s"][self.who.role == ORIGIN] = math.nan
        return transfers(self.who, columns)
