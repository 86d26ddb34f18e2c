"""Whom to upload to: the choker.

While we fetch, slots are wages. Cohen's tit-for-tat (BEP 3, "choking algorithm"): every ten
seconds the interested peers that send us most are unchoked; one slot in five is given on trust and
goes round every thirty seconds (*optimistic unchoke*), "to find out if currently unused
connections are better than the ones being used", and a newcomer is "three times as likely" to get
it. A peer that owes us blocks and sends none for a minute has *snubbed* us, and has to come by that
way again. What the paid slots leave over goes round too: an idle uplink helps nobody, but whoever
sends nothing has no claim to any of it.

Once we are a seed nobody can pay. To prefer who downloads fastest, as BEP 3 did, or who came last,
as later clients do, hands the seed to three peers that are fast, or reconnect (Adamsky et al.: a
swarm's downloads take up to four times as long). So a seed serves turns in the order of
waiting, as libtorrent's round robin does: a turn ends when it has used its bytes or its time, or
is not used at all, and who comes anew stands at the end of the queue. A liar gets what one
honest peer gets.

An unchoked peer that asks for nothing, or takes it as fast as it asks, leaves our uplink idle: its
slot does not count, and another peer is unchoked beside it. So few slots are enough: a slow uplink
passes pieces on one after the other instead of eight at a time that are all late, and a fast
one is still filled.

Between rounds slots that fall free are filled and nobody is choked: what is choked and unchoked
in quick succession (*fibrillation*) never lets TCP find its pace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dht.core.messages import message

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Sequence
    from random import Random

ROUND: Final = 10.0
"""Seconds between reviews: "ten seconds is a long enough period of time for TCP to ramp up new
transfers to their full capacity" (Cohen 2003)."""
OPTIMISTIC_TURN: Final = 30.0
"""Seconds of trust: "enough time for the upload to get to full capacity, the download to
reciprocate, and finally the download to get to full capacity" (the same)."""
NEW_WEIGHT: Final = 3
"""How much likelier who was never unchoked is to be trusted next (BEP 3)."""
OPTIMISTIC_SHARE: Final = 5
"""One slot in so many is given on trust, but at least one; libtorrent's share."""
GRACE: Final = 2.0
"""Seconds in which who was unchoked is to ask for something, before its slot counts as idle: the
slowest round trips."""
LENT: Final = 32
"""Peers unchoked at once, however idle they leave us: as many as a home's uplink will ever serve.
Each costs an honest peer's requests in memory."""
SEED_TURN: Final = 30.0
"""Seconds a seed serves one peer while others wait: of sixteen, nobody waits two minutes."""
SEED_QUOTA: Final = 16 << 20
"""Bytes a seed gives one peer while others wait: some pieces of any size, to pass on."""


@message
class Candidate:
    """A peer as the choker sees it.

    Attributes:
        key: Who it is.
        interested: Whether it wants something we have.
        choked: Whether we choke it now.
        down_rate: Bytes a second that come from it.
        up_rate: Bytes a second that go to it.
        is_seed: Whether it has everything, and so wants nothing.
        snubbed: Whether it has sent nothing for a minute of what it owes us.
        since: When it connected.
        uploaded: Bytes sent to it since.
        idle: Whether nothing that it asked for waits to be sent.
    """

    key: Hashable
    interested: bool
    choked: bool
    down_rate: float
    up_rate: float
    is_seed: bool
    snubbed: bool
    since: float
    uploaded: int = 0
    idle: bool = False


class _Turn:
    """A slot in use."""

    __slots__ = ("began", "paid", "reviewed", "uploaded")

    def __init__(self, peer: Candidate, now: float) -> None:
        self.began = now
        self.paid = False
        # What had been sent to it when the turn began, and at the last review.
        self.uploaded = self.reviewed = peer.uploaded

    def over(self, peer: Candidate, now: float) -> bool:
        """Whether a seed has served this peer enough for one turn. Asked once a round."""
        lasted, moved = now - self.began, peer.uploaded != self.reviewed
        self.reviewed = peer.uploaded
        if lasted < ROUND:
            return False
        return not moved or lasted >= SEED_TURN or peer.uploaded - self.uploaded >= SEED_QUOTA


class Choker:
    """Gives out the upload slots of one torrent.

    Attributes:
        slots: How many peers are served at once; may change at any time. With a single one,
            there is only trust.
    """

    def __init__(self, slots: int, rng: Random) -> None:
        self.slots = self._given = slots
        self._rng = rng
        self._turns: dict[Hashable, _Turn] = {}
        # When the last turn of each peer ended; only of peers that are still there.
        self._served: dict[Hashable, float] = {}
        self._next_round = float("-inf")

    def next_deadline(self) -> float:
        """When the next review is due. Ask sooner when a peer comes, goes, or turns interested."""
        return self._next_round

    def rechoke(
        self, candidates: Sequence[Candidate], now: float, *, seeding: bool
    ) -> frozenset[Hashable]:
        """Decide who is unchoked from now on; everybody else is choked.

        Args:
            candidates: All connected peers.
            now: The time.
            seeding: Whether nobody has anything that we want.
        """
        peers = {peer.key: peer for peer in candidates if peer.interested and not peer.is_seed}
        self._prune({peer.key for peer in candidates}, peers, now)
        if now >= self._next_round:
            self._next_round = now + ROUND
            (self._serve if seeding else self._pay)(peers, now)
            self._cut(self._busy(peers, now) - self.slots, now)
        most = self.slots if self.slots < self._given else self._most()
        self._cut(len(self._turns) - most, now)
        self._given = self.slots
        self._fill(peers, now, seeding=seeding)
        return frozenset(self._turns)

    def _prune(self, here: set[Hashable], peers: Collection[Hashable], now: float) -> None:
        """End the turns of who left or wants nothing more, and forget who left."""
        for key in [key for key in self._turns if key not in peers]:
            self._end(key, now)
        self._served = {key: at for key, at in self._served.items() if key in here}

    def _end(self, key: Hashable, now: float) -> None:
        del self._turns[key]
        self._served[key] = now

    def _pay(self, peers: dict[Hashable, Candidate], now: float) -> None:
        """While we fetch: the slots for who sends most, and an end to trust that had its time."""
        able = [peer for peer in peers.values() if peer.down_rate > 0 and not peer.snubbed]
        held = {key for key, turn in self._turns.items() if turn.paid}
        # Who is paid already remains so against an equal.
        able.sort(key=lambda peer: (-peer.down_rate, peer.key not in held))
        paid = able[: self.slots - max(1, self.slots // OPTIMISTIC_SHARE)]
        earned = {peer.key for peer in paid}
        for key, turn in list(self._turns.items()):
            if key not in earned and (turn.paid or now - turn.began >= OPTIMISTIC_TURN):
                self._end(key, now)
        for peer in paid:
            self._turns.setdefault(peer.key, _Turn(peer, now)).paid = True

    def _serve(self, peers: dict[Hashable, Candidate], now: float) -> None:
        """As a seed: an end to the turns that are over, as far as others wait."""
        over = [key for key, turn in self._turns.items() if turn.over(peers[key], now)]
        waiting = len(peers) - len(self._turns)
        for key in over[:waiting]:
            self._end(key, now)

    def _most(self) -> int:
        """How many turns there may be, lent ones among them."""
        return max(self.slots, LENT) if self.slots else 0

    def _busy(self, peers: dict[Hashable, Candidate], now: float) -> int:
        """How many turns fill our uplink."""
        turns = self._turns.items()
        return sum(not peers[key].idle or now - turn.began < GRACE for key, turn in turns)

    def _cut(self, surplus: int, now: float) -> None:
        """End turns beyond the slots there are: what is given on trust first, the oldest first."""
        turns = self._turns
        order = sorted(turns, key=lambda key: (turns[key].paid, turns[key].began))
        for key in order[: max(surplus, 0)]:
            self._end(key, now)

    def _fill(self, peers: dict[Hashable, Candidate], now: float, *, seeding: bool) -> None:
        """Give free slots to who waits."""
        room = min(self.slots - self._busy(peers, now), self._most() - len(self._turns))
        waiting = [peer for peer in peers.values() if peer.key not in self._turns]
        if room <= 0 or not waiting:
            return
        order = self._waited if seeding else self._luck
        ranked = sorted(((order(peer, now), at) for at, peer in enumerate(waiting)), reverse=True)
        for _, at in ranked[:room]:
            self._turns[waiting[at].key] = _Turn(waiting[at], now)

    def _waited(self, peer: Candidate, now: float) -> tuple[float, float]:
        """A seed's rank: who has waited longest, since its last turn or since it came."""
        return now - max(self._served.get(peer.key, peer.since), peer.since), self._rng.random()

    def _luck(self, peer: Candidate, now: float) -> tuple[float, float]:
        """A leech's rank: chance, three times better for newcomers, nil for who just had it.

        The largest of ``random ** (1 / weight)`` is drawn with the odds of the weights
        (Efraimidis and Spirakis 2006).
        """
        weight = 1 if peer.key in self._served else NEW_WEIGHT
        luck: float = self._rng.random() ** (1 / weight)
        return float(self._served.get(peer.key) != now), luck
