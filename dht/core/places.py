"""Who has to leave a full store: distance and age in one currency, and a share for everyone.

A node holds records and provider lists for strangers, so both stores are bounded and both must
choose a loser once they are full. The choice is an attack surface: whoever can steer it can make
a node forget what others rely on. One rule serves both stores. The loser is, in this order:

1. **What has expired**, longest ago first. Nobody may count on it any more.
2. **The oldest place of whoever takes too much.** Each place is charged to the subnet it came
   from. Distance alone protects nobody from an attacker who makes keys *near* us: a provider list
   may be opened under any key for free, and hashing random values until the key shares 20 bits
   with ours takes a GPU milliseconds. Addresses are what an attacker has to pay for, because a
   ticket proves that the writer receives at the one it uses. So a payer with more than its share
   (a sixteenth) gives up its own oldest place. The rule only holds in a full store; in an
   emptier one nobody is hurt by a guest who takes much. Public keys are deliberately not charged:
   a fresh one costs an attacker 20 microseconds, and honest publishers reuse theirs.
3. **The place with the worst score**: the number of leading bits its key shares with ours, minus
   its age. Nearer is better, since lookups for a key end at the nodes closest to it: what is far
   from us is either held by nodes better placed than we are or was never ours to hold. A whole
   lifetime without renewal weighs as much as four bits. Keys more than four bits farther than
   ours to keep thus *never* displace them, however many and fresh they are, while among equals the
   ones nobody renews go first. libtorrent weighs the same way, with popularity in place of age
   (announcers / 5 - distance bits), but popularity is what a flood can fake.

If the newcomer itself has the worst score it is turned away.

The score needs no recomputation as time passes: ``bits - (now - at) * w`` orders places exactly as
``bits + at * w`` does, whatever ``now``. So it is the fixed "moment" of an agenda, and finding a
loser costs one look at its top.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dht.core.agenda import Agenda

if TYPE_CHECKING:
    from collections.abc import Hashable

    from dht.core.keys import Key, KeySpace

AGE_WEIGHT: Final = 4.0
"""How many bits of distance a whole lifetime without renewal weighs. Larger lets fresh far keys
displace near ones; smaller keeps near ones that nobody renewed for longer. 4 bits are a factor of
16 in distance, less than what separates a random key from one that is ours to hold as soon as the
network has 16 k nodes."""

SHARES: Final = 16
"""A payer may keep a sixteenth of a full store: 625 of 10,000 records, 125 of 2,000 lists. At most
15 payers can exceed their share at once, which also bounds the search for the greediest."""


class Places:
    """At most ``limit`` keys, each with its age and its payer; names the loser when full.

    Holds no values: a store keeps these beside its own dictionary, in step with it. ``now`` never
    goes back. A payer of ``None`` is exempt (restored from disk, or exempted by the policy).
    """

    __slots__ = (
        "_bits",
        "_crowded",
        "_expiry",
        "_lifetime",
        "_limit",
        "_own",
        "_places",
        "_score",
        "_share",
        "_tenants",
    )

    def __init__(self, own: Key, space: KeySpace, limit: int, lifetime: float) -> None:
        self._own = own
        self._bits = space.bits
        self._limit = limit
        self._lifetime = lifetime
        self._share = max(1, limit // SHARES)
        self._places: dict[Key, tuple[float, Hashable | None]] = {}
        self._expiry: Agenda[Key] = Agenda()
        self._score: Agenda[Key] = Agenda()
        # Places by payer, the longest unrenewed first: dictionaries keep that order by themselves.
        self._tenants: dict[Hashable, dict[Key, None]] = {}
        # Payers with more than their share. A dictionary for its order: see the agenda's doc.
        self._crowded: dict[Hashable, None] = {}

    def __len__(self) -> int:
        return len(self._places)

    def renewed(self, key: Key) -> float | None:
        """When the place of ``key`` was last renewed, or ``None`` if it has none."""
        place = self._places.get(key)
        return None if place is None else place[0]

    def next_expiry(self) -> float:
        """When the next place expires; infinity if none will."""
        return self._expiry.next()

    def expired(self, now: float, limit: int | None = None) -> list[Key]:
        """Keys whose time is over, longest ago first, at most ``limit``."""
        return self._expiry.ready(now, limit)

    def take(self, key: Key, payer: Hashable | None, now: float) -> None:
        """Give ``key`` a place, or renew it. The caller has made room.

        A renewal leaves the charge where it is: could it be moved, an attacker would put a copy
        of another's record, so own it, and lose it on purpose with the next flood. A place without
        a payer is charged to whoever renews it.
        """
        _, charged = self._places.get(key, (now, None))
        payer = payer if charged is None else charged
        self._places[key] = (now, payer)
        self._expiry.set(key, now + self._lifetime)
        self._score.set(key, self._rate(key, now))
        if payer is not None:
            tenants = self._tenants.setdefault(payer, {})
            tenants.pop(key, None)
            tenants[key] = None
            if len(tenants) > self._share:
                self._crowded[payer] = None

    def leave(self, key: Key) -> None:
        """Take the place of ``key`` away."""
        _, payer = self._places.pop(key)
        self._expiry.drop(key)
        self._score.drop(key)
        if payer is None:
            return
        tenants = self._tenants[payer]
        del tenants[key]
        if len(tenants) <= self._share:
            self._crowded.pop(payer, None)
        if not tenants:
            del self._tenants[payer]

    def loser(self, key: Key, payer: Hashable | None, now: float) -> Key | None:
        """Who must leave for ``key`` to come in: ``None`` if there is room, or ``key`` itself."""
        return None if len(self._places) < self._limit else self.worst(key, payer, now)

    def worst(self, key: Key, payer: Hashable | None, now: float) -> Key:
        """Who is to leave if somebody must, ``key`` being about to come in or be renewed."""
        first = self._expiry.first()
        if first is not None and self._expiry.next() <= now:
            return first
        greedy = self._greediest(payer)
        if greedy is not None:
            return next(iter(self._tenants[greedy]))
        last = self._score.first()
        # Of equal scores the newcomer's is the better one, being the younger.
        return key if last is None or self._rate(key, now) < self._score.next() else last

    def rekey(self, own: Key) -> None:
        """Our own key is another now: every distance changed."""
        self._own = own
        for key, (at, _) in self._places.items():
            self._score.set(key, self._rate(key, at))

    def _rate(self, key: Key, at: float) -> float:
        """Score a place: higher stays. See the module for why ``now`` does not occur in it."""
        near = self._bits - (key ^ self._own).bit_length()
        return near + at * AGE_WEIGHT / self._lifetime

    def _greediest(self, payer: Hashable | None) -> Hashable | None:
        """The payer with most places above its share, counting one more for ``payer``.

        Between equals the newcomer's payer pays: others need not make room for it.
        """
        found, most = None, self._share
        for other in self._crowded:
            size = len(self._tenants[other])
            if size > most:
                found, most = other, size
        if payer is not None and len(self._tenants.get(payer, ())) + 1 > self._share:
            return payer if len(self._tenants[payer]) + 1 >= most else found
        return found
