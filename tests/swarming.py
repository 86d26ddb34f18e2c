"""A swarm of pickers and chokers in lockstep: no wire, no disk, only who asks whom for what.

Everybody's uplink is the same and the only limit, as in the bound it is measured against.
"""

from __future__ import annotations

from collections import defaultdict, deque
from random import Random
from typing import TYPE_CHECKING

from torrent.core.bitfield import Bitfield
from torrent.core.choker import Candidate, Choker
from torrent.core.picker import Picker
from torrent.core.rates import Rate

if TYPE_CHECKING:
    from collections.abc import Hashable

STEP = 0.5
BLOCKS = 16
"""Blocks a piece: 256 KiB, for whose upload each peer takes PIECE_TIME."""
PIECE_TIME = 2.0
UPLOADS = int(BLOCKS * STEP / PIECE_TIME)
"""Blocks each peer can upload in a step."""
WINDOW = 6
"""Requests outstanding from one peer to another."""


class Member:
    """One peer: its picker and choker, and its ends of the links."""

    def __init__(self, name: int, pieces: int, rng: Random, *, slots: int, seed: bool) -> None:
        have = Bitfield(pieces)
        if seed:
            have.fill()
        self.name = name
        self.picker = Picker(lambda _: BLOCKS, pieces, rng, max_open=32, have=have)
        self.choker = Choker(slots, rng)
        self.friends: list[Member] = []
        self.unchoked: frozenset[Hashable] = frozenset()
        self.queues: dict[int, deque[tuple[int, int]]] = {}
        self.down: dict[int, Rate] = defaultdict(Rate)
        self.up: dict[int, Rate] = defaultdict(Rate)
        self.turn = 0
        self.uploaded = self.wasted = 0
        self.done: float | None = 0.0 if seed else None

    def meet(self, friend: Member) -> None:
        self.friends.append(friend)
        self.queues[friend.name] = deque()
        self.picker.joined(friend.picker.have)

    def rechoke(self, now: float) -> None:
        candidates = [
            Candidate(
                key=friend.name,
                interested=friend.picker.interesting(self.picker.have),
                choked=friend.name not in self.unchoked,
                down_rate=self.down[friend.name].per_second(now),
                up_rate=self.up[friend.name].per_second(now),
                is_seed=friend.done is not None,
                snubbed=False,
                since=0.0,
                uploaded=self.up[friend.name].total,
            )
            for friend in self.friends
        ]
        self.unchoked = self.choker.rechoke(candidates, now, seeding=self.done is not None)
        for friend in self.friends:
            if friend.name not in self.unchoked and self.queues[friend.name]:
                self.queues[friend.name].clear()
                friend.picker.forget(self.name)

    def ask(self, now: float) -> None:
        for friend in self.friends:
            if self.done is None and self.name in friend.unchoked:
                queue = friend.queues[self.name]
                room = WINDOW - len(queue)
                queue.extend(self.picker.pick(friend.name, friend.picker.have, room, now))

    def upload(self, now: float) -> None:
        """Serve the queues in turn, as one socket after another."""
        idle = 0
        budget = UPLOADS
        while budget and idle < len(self.friends):
            friend = self.friends[self.turn % len(self.friends)]
            self.turn += 1
            if queue := self.queues[friend.name]:
                friend.receive(self, queue.popleft(), now)
                self.up[friend.name].add(1, now)
                self.uploaded += 1
                budget, idle = budget - 1, 0
            else:
                idle += 1

    def receive(self, sender: Member, block: tuple[int, int], now: float) -> None:
        self.down[sender.name].add(1, now)
        receipt = self.picker.received(*block, sender.name)
        self.wasted += not receipt.fresh
        for friend in self.friends:
            if friend.name in receipt.others:
                friend.queues[self.name].remove(block)
        if receipt.complete:
            self.picker.passed(block[0])
            for friend in self.friends:
                friend.picker.gained(block[0])
            if self.picker.complete:
                self.done = now


def swarm(
    size: int, pieces: int, *, seed: int, slots: int = 5, friends: int = 25
) -> tuple[float, list[Member]]:
    """Let one seed and ``size - 1`` leeches share; return the makespan in piece times."""
    rng = Random(seed)
    members = [Member(name, pieces, rng, slots=slots, seed=not name) for name in range(size)]
    for at, member in enumerate(members):
        rest = members[at + 1 :]
        wanted = max(0, min(friends - len(member.friends), len(rest)))
        for friend in rng.sample(rest, wanted):
            member.meet(friend)
            friend.meet(member)
    now = 0.0
    while any(member.done is None for member in members):
        for member in members:
            if now >= member.choker.next_deadline() or len(member.unchoked) < slots:
                member.rechoke(now)
        rng.shuffle(members)
        for member in members:
            member.ask(now)
        now += STEP
        for member in members:
            member.upload(now)
    return now / PIECE_TIME, members
