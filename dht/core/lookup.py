"""One iterative walk towards a target (Maymounkov & Mazières 2002, section 2.3).

The paper's lookup goes in rounds: ask alpha contacts, wait for all, ask the alpha closest of what
was learnt. A round waits for its slowest member, so one dead contact stops everything for a whole
timeout, and dead contacts are normal. This one has no rounds, but a window that slides:

* contacts live in one list sorted by distance (:mod:`dht.core.shortlist`); each has a state;
* requests are in flight for alpha answers that can be hoped for. An answer frees its slot at
  once; so does the short timeout (:meth:`Lookup.slow`), though we keep hoping for the answer;
* the walk is over when the beta closest *live* contacts have answered. Live is what has not
  failed: a contact that is slow holds up the end, until the long timeout (:meth:`Lookup.failed`).
  An answer that comes even later brings the contact back to life.

**Economy.** Only contacts within the beta closest that can be hoped for are asked: whatever lies
beyond them cannot be among the beta closest at the end, unless one of these fails. So in a
healthy network hardly a request is wasted. In one where contacts die the substitutes of the dead
would be asked too late, one long timeout after the other; so hope is counted in shares. A slow
contact counts nothing, and one that was not asked or has not settled counts as much as the share
of those before it that answered. Simulated with 40 % of all contacts dead, this takes 6 to 13 %
off the slowest lookups (95th percentile) for 2 to 6 % more requests; with none dead, nothing. The
same share widens alpha: with two fifths dead, of four requests little more than two get anywhere.
That takes another 15 % off the slowest lookups with 40 % dead and 9 % with 20 %, for 6 % more
requests (with none dead 3 %, since every slow answer is doubted for a while).

**What dies stays named.** An answer holds the k closest contacts its sender knows, dead ones
included. With a fifth dead, the k closest live ones reach to rank 1.25 k, and the last of these
are named only by contacts that do not know the nearer ones. So the result always equals brute
force over what was named; against the whole network its nearer half is exact, and of all k about
1 in 20 is missed and replaced by the next one known. :mod:`dht.core.edge` finds these.

**Trust.** Of each answer only the nearest 2k contacts are read (twice what an honest one holds),
and one of each address; those that may not be contacted are dropped, and the shortlist limits
addresses and subnets. What remains is a chain of ever nearer Sybils, each naming the next: it
never meets the stop rule, so all requests together are bounded, too. A contact is known by key, so
a liar could name an honest key with a false endpoint first; a second endpoint heard for a contact
that did not answer is kept, and tried if the first one fails.

States and what moves them (``!`` marks what holds up the end)::

    UNASKED! --next--> WAITING! --slow--> SLOW! --failed--> FAILED
       |                  |                 |                 |
     failed            answered          answered         answered
       v                  v                 v                 v
    DROPPED            ANSWERED          ANSWERED          ANSWERED
       +--restore--> UNASKED

The machine knows neither clock nor messages: its owner sends the requests, keeps the timeouts
(:mod:`dht.core.timing`) and calls the four verbs. The verbs say whether they mattered, so that
duplicates and strangers need no special care.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from dht.core.shortlist import ANSWERED, DROPPED, FAILED, SLOW, UNASKED, WAITING, Shortlist

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dht.core.keys import Key
    from dht.core.messages import Contact
    from dht.core.policy import Policy
    from dht.core.shortlist import Candidate

WIDEST: Final = 2
"""How many times alpha may be in flight: that serves a network half dead. Where nobody has answered
yet it stays at alpha: mostly we are cut off, for a moment or longer, and would only use up whom we
know."""


def request_limit(k: int) -> int:
    """How many requests one lookup may make.

    An honest one makes about ``k + alpha * log2(n)``: under 100 in the largest networks, under
    200 if half of all contacts are dead. Only a liar's endless chain comes near this.
    """
    return 16 * k + 128


class Lookup:
    """The walk towards ``target``, starting from ``seeds``.

    Args:
        target: Where to walk.
        policy: k, alpha, beta, and the limits per address and subnet.
        seeds: Where to start: the closest contacts of the routing table. 2k of them cost nothing
            while the nearest live (those beyond the window are not asked), and keep the walk
            from running dry when some are dead.
        own: Our own key, never asked.
        exclude: Contacts that must not be learnt (those of another path, for instance).
    """

    __slots__ = (
        "_exclude",
        "_limit",
        "_own",
        "_policy",
        "_shortlist",
        "_slow",
        "_waiting",
        "answered_count",
        "asked",
        "silent_count",
        "target",
    )

    def __init__(
        self,
        target: Key,
        policy: Policy,
        seeds: Iterable[Contact],
        *,
        own: Key | None = None,
        exclude: Callable[[Key], bool] | None = None,
    ) -> None:
        self.target: Final = target
        self.asked = 0
        self.answered_count = 0
        self.silent_count = 0
        self._policy = policy
        self._own = own
        self._exclude = exclude
        self._limit = request_limit(policy.k)
        self._waiting = 0  # how many hold a slot ...
        self._slow = 0  # ... and how many have given it back, but may still answer
        self._shortlist = Shortlist(target, policy)
        self._learn(seeds, 1)

    # What the owner asks.

    def next(self) -> list[Contact]:
        """Contacts to ask now, nearest first; each counts as asked from here on.

        Empty when the lookup is finished or has to wait for answers.
        """
        free = min(self.free, self._limit - self.asked)
        if not free:
            return []
        chosen = self._wanted(free)
        for candidate in chosen:
            candidate.state = WAITING
        self._waiting += len(chosen)
        self.asked += len(chosen)
        return [candidate.contact for candidate in chosen]

    def _wanted(self, most: int) -> list[Candidate]:
        """The nearest unasked contacts within the window of beta that can be hoped for."""
        chosen: list[Candidate] = []
        hope, share = 0.0, self._share
        for candidate in self._shortlist.ranked:
            state = candidate.state
            if state >= FAILED or candidate.barred:
                continue
            if state == UNASKED:
                chosen.append(candidate)
                if len(chosen) == most:
                    break
            if state != SLOW:
                hope += 1.0 if state == ANSWERED else share
            if hope >= self._policy.beta:
                break
        return chosen

    @property
    def free(self) -> int:
        """How many more requests may be in flight now."""
        alpha = self._policy.alpha
        if self.answered_count and (self._slow or self.silent_count):
            alpha = min(round(alpha / self._share), WIDEST * alpha)
        return max(0, alpha - self._waiting)  # An answer narrows the window under way.

    @property
    def _share(self) -> float:
        """The share of contacts that live, as far as this walk has seen; it begins with trust."""
        lived = 1 + self.answered_count
        return lived / (lived + self._slow + self.silent_count)

    @property
    def finished(self) -> bool:
        """The beta closest live contacts have answered, or nobody is left to ask or wait for."""
        beta, shortlist = self._policy.beta, self._shortlist
        # The usual case, asked after every answer: too few have answered, somebody is waited for,
        # and nobody is barred, so the one waited for is live.
        if self.answered_count < beta and (self._waiting or self._slow) and not shortlist.crowded:
            return False
        exhausted = self.asked >= self._limit
        answers = 0
        for candidate in shortlist.ranked:
            state = candidate.state
            if state >= FAILED or candidate.barred:
                continue
            if state == ANSWERED:
                answers += 1
                if answers == beta:
                    return True
            elif state != UNASKED or not exhausted:
                return False
        return True

    @property
    def complete(self) -> bool:
        """The stop rule was met, with at least one answer and without reaching a bound.

        If fewer than beta live contacts are known, all of them must have answered.
        """
        return self.answered_count > 0 and self.asked < self._limit and self.finished

    def closest(self, n: int) -> tuple[Contact, ...]:
        """The ``n`` closest contacts that answered, nearest first.

        A network that stops early (beta below k: Amino asks 3 and stores at 20) takes what the
        last answers named on trust: there, contacts that were not asked count as well, unless
        they failed.
        """
        trusting = self._policy.beta < self._policy.k
        found: list[Contact] = []
        if n <= 0:
            return ()
        for candidate in self._shortlist.live():
            if trusting or candidate.state == ANSWERED:
                found.append(candidate.contact)
                if len(found) == n:
                    break
        return tuple(found)

    def hopeful(self) -> Iterable[Contact]:
        """All contacts that were named and have not failed, asked or not, nearest first."""
        return (candidate.contact for candidate in self._shortlist.live())

    def horizon(self, n: int) -> Contact | None:
        """The ``n``-th nearest contact that may come to answer, or the last; slow ones may not."""
        hoped = (each.contact for each in self._shortlist.live() if each.state != SLOW)
        nearest = list(islice(hoped, n))
        return nearest[-1] if nearest else None

    def depth(self, key: Key) -> int:
        """How many hops away ``key`` was found: 1 for seeds, 0 for contacts never heard of."""
        candidate = self._shortlist.get(key)
        return candidate.depth if candidate else 0

    def contact(self, key: Key) -> Contact | None:
        """The contact known under ``key``."""
        candidate = self._shortlist.get(key)
        return candidate.contact if candidate else None

    def awaits(self, key: Key) -> bool:
        """Whether ``key`` was asked and is neither settled nor slow: it holds a slot."""
        candidate = self._shortlist.get(key)
        return candidate is not None and candidate.state == WAITING

    # What the owner tells.

    def answered(self, key: Key, closer: Iterable[Contact]) -> bool:
        """``key`` answered, however late, and named ``closer``.

        Returns:
            Whether it mattered: False for those we did not ask, and for second answers.
        """
        candidate = self._shortlist.get(key)
        if candidate is None or candidate.state in (UNASKED, ANSWERED, DROPPED):
            return False
        revived = candidate.state == FAILED
        self._leave(candidate.state)
        candidate.state = ANSWERED
        candidate.spare = None
        self.answered_count += 1
        if not self._hear(closer, candidate.depth + 1) and revived:
            self._shortlist.settle()
        return True

    def added(self, key: Key, closer: Iterable[Contact]) -> bool:
        """``key``, which has answered, was asked something else and named ``closer`` as well.

        Returns:
            Whether it mattered: False for those that have not answered.
        """
        candidate = self._shortlist.get(key)
        if candidate is None or candidate.state != ANSWERED:
            return False
        self._hear(closer, candidate.depth + 1)
        return True

    def slow(self, key: Key) -> bool:
        """``key`` let the short timeout pass: its slot is free, we still hope.

        Returns:
            Whether it mattered: False if no answer of ``key`` was awaited.
        """
        candidate = self._shortlist.get(key)
        if candidate is None or candidate.state != WAITING:
            return False
        self._leave(WAITING)
        candidate.state = SLOW
        self._slow += 1
        return True

    def failed(self, key: Key) -> bool:
        """``key`` let the long timeout pass, or refused: it does not hold up the end any more.

        Also for contacts not asked yet: their owner knows that they are not worth it.

        Returns:
            Whether it mattered: False for strangers, and if its answer came before.
        """
        candidate = self._shortlist.get(key)
        if candidate is None or candidate.state >= ANSWERED:
            return False
        self._leave(candidate.state)
        if candidate.state == UNASKED:
            candidate.state = DROPPED
        elif candidate.spare is not None:
            self._shortlist.move(candidate, candidate.spare)
        else:
            candidate.state = FAILED
            self.silent_count += 1
        self._shortlist.settle()
        return True

    def dismiss(self, key: Key) -> bool:
        """``key`` lives, but is no use to the owner: the walk goes on past it.

        Returns:
            Whether it mattered: False for strangers, and for those that failed.
        """
        candidate = self._shortlist.get(key)
        if candidate is None or candidate.state >= FAILED:
            return False
        self._leave(candidate.state)
        candidate.state = DROPPED
        self._shortlist.settle()
        return True

    def restore(self, key: Key) -> bool:
        """Take back a contact that was struck off before it was asked; whether there was one."""
        candidate = self._shortlist.get(key)
        if candidate is None or candidate.state != DROPPED:
            return False
        candidate.state = UNASKED
        self._shortlist.settle()
        return True

    def _leave(self, state: int) -> None:
        """Keep the counts when a contact leaves ``state``."""
        if state == WAITING:
            self._waiting -= 1
        elif state == SLOW:
            self._slow -= 1
        elif state == FAILED:
            self.silent_count -= 1

    # What answers teach.

    def _hear(self, closer: Iterable[Contact], depth: int) -> bool:
        """Read an answer; whether somebody in it was new.

        Most of what answers name is known already, and is not looked at again: near the target
        four answers in five name nobody new, which the set can tell without a loop of ours.
        """
        seen, named = self._shortlist.seen, tuple(closer)
        if seen.issuperset(map(id, named)):
            return False
        fresh = [contact for contact in named if id(contact) not in seen]
        return self._learn(self._shortlist.worth_reading(fresh), depth)

    def _learn(self, contacts: Iterable[Contact], depth: int) -> bool:
        """Rank those of ``contacts`` that are new; whether there was any."""
        shortlist, acceptable = self._shortlist, self._policy.contacts.acceptable
        own, exclude, by_key = self._own, self._exclude, self._shortlist.by_key
        known = len(by_key)
        for contact in contacts:
            key = contact.key
            candidate = by_key.get(key)
            if candidate is not None:
                if contact.endpoint != candidate.contact.endpoint and acceptable(contact):
                    self._heard_elsewhere(candidate, contact)
            elif key != own and acceptable(contact) and (exclude is None or not exclude(key)):
                shortlist.add(contact, depth)
        if len(by_key) == known:
            return False
        shortlist.settle()
        return True

    def _heard_elsewhere(self, candidate: Candidate, contact: Contact) -> None:
        """A known key was named at another endpoint than the one we have.

        Bounded: each answer can bring one more attempt per contact at most, and there is one
        answer per contact that answers.
        """
        if candidate.state == FAILED:
            self._leave(FAILED)
            self._shortlist.move(candidate, contact)
            self._shortlist.settle()
        elif candidate.state < ANSWERED and candidate.spare is None:
            candidate.spare = contact
