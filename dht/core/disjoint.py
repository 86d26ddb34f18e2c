"""A lookup along d disjoint paths (Baumgart & Mies 2007, S/Kademlia, section 4.4).

One path that meets an attacker may be led away from the target by false answers, and an ordinary
lookup is one path: all it learns goes into one shortlist, so whoever names contacts nearest to
the target is asked next. Here d lookups walk towards the same target side by side. They share
nothing but the rule that a contact serves one path only, so each liar can mislead only the path
it is on. With a share m of all contacts hostile and h hops, at least one path is clean with
probability ``1 - (1 - (1 - m)^h)^d``: for m = 20 % and h = 4, 0.41 with one path, 0.88 with four.

A contact belongs to the first path that *asks* it, and is struck off in the others. If learning
were enough, the first path to reach the target's neighbourhood would own all of it, and the
others would end with nothing. A liar could also claim an honest contact for its own path by
naming it at a false endpoint; so when a claimed contact fails, those paths that know it at
another endpoint take it back.

The walk is over when every path is. That each path must find its own beta closest makes it cost
about d times one lookup; to let a path stop earlier, as soon as others have found nearer
contacts, would let the liars of one path end the others. The result is the closest of all paths
together, within the limits per address and subnet.

:class:`DisjointLookup` is composed of :class:`~dht.core.lookup.Lookup` without touching what that
does, as rust-libp2p composes its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from dht.core.lookup import Lookup
from dht.core.shortlist import Shortlist

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dht.core.keys import Key
    from dht.core.messages import Contact, Endpoint
    from dht.core.policy import Policy


class DisjointLookup:
    """``paths`` lookups towards ``target``; each contact is asked by one of them at most.

    Args:
        target: Where to walk.
        policy: As for a lookup. Its alpha is shared out among the paths, at least one request
            for each.
        seeds: Where to start; dealt out in turn, the nearest first.
        paths: How many.
        own: Our own key, never asked.
        exclude: Contacts that must not be learnt.
    """

    __slots__ = ("_owner", "_paths", "_policy", "_released", "target")

    def __init__(
        self,
        target: Key,
        policy: Policy,
        seeds: Iterable[Contact],
        paths: int,
        *,
        own: Key | None = None,
        exclude: Callable[[Key], bool] | None = None,
    ) -> None:
        if paths < 1:
            raise ValueError(f"a lookup needs at least one path, not {paths}")
        self.target: Final = target
        self._policy = policy
        self._owner: dict[Key, Lookup] = {}  # the path that asked, or asks, this contact
        self._released: dict[Key, Endpoint] = {}  # failed there: others may try elsewhere
        nearest = sorted(seeds, key=lambda contact: contact.key ^ target)
        self._paths: list[Lookup] = []
        for index in range(paths):
            alpha = max(1, (policy.alpha + index) // paths)  # shares that sum up to alpha
            mine = nearest[index::paths]
            share = replace(policy, alpha=alpha)
            self._paths.append(Lookup(target, share, mine, own=own, exclude=exclude))

    # What the owner asks.

    def next(self) -> list[Contact]:
        """Contacts to ask now, for all paths."""
        chosen: list[Contact] = []
        for path in self._paths:
            for contact in path.next():
                chosen.append(contact)
                self._owner[contact.key] = path
                self._released.pop(contact.key, None)
                self._strike(contact.key, path)
        return chosen

    def _strike(self, key: Key, owner: Lookup) -> None:
        """``key`` belongs to ``owner`` now: the other paths need not hope for it."""
        for path in self._paths:
            if path is not owner:
                path.failed(key)

    @property
    def finished(self) -> bool:
        """Every path is."""
        return all(path.finished for path in self._paths)

    @property
    def complete(self) -> bool:
        """Every path has ended, and at least one of them by meeting the stop rule."""
        return self.finished and any(path.complete for path in self._paths)

    @property
    def asked(self) -> int:
        """Requests made on all paths."""
        return sum(path.asked for path in self._paths)

    @property
    def answered_count(self) -> int:
        """Contacts that answered."""
        return sum(path.answered_count for path in self._paths)

    @property
    def silent_count(self) -> int:
        """Contacts that were asked and given up."""
        return sum(path.silent_count for path in self._paths)

    def closest(self, n: int) -> tuple[Contact, ...]:
        """The ``n`` closest of all paths, nearest first, within the limits."""
        merged = Shortlist(self.target, self._policy)
        for path in self._paths:
            for contact in path.closest(n + self.asked):  # all of them: limits may bar some
                if merged.get(contact.key) is None:
                    merged.add(contact, 1)
        merged.settle()
        return tuple(candidate.contact for candidate in merged.live())[: max(n, 0)]

    def depth(self, key: Key) -> int:
        """How many hops away ``key`` was found, on the path that asked it."""
        owner = self._owner.get(key)
        return owner.depth(key) if owner else max(path.depth(key) for path in self._paths)

    # What the owner tells.

    def answered(self, key: Key, closer: Iterable[Contact]) -> bool:
        """``key`` answered: its own path learns ``closer``, the others do not."""
        owner = self._owner.get(key)
        if owner is None:
            return False
        closer = tuple(closer)
        if not owner.answered(key, closer):
            return False
        self._released.pop(key, None)
        self._strike(key, owner)  # it may have been restored there after it failed
        for contact in closer:
            if self._owner.get(contact.key, owner) is not owner and not self._free(contact):
                owner.failed(contact.key)
        return True

    def _free(self, contact: Contact) -> bool:
        """Whether it failed on the path that claimed it, but was claimed at another endpoint."""
        return self._released.get(contact.key, contact.endpoint) != contact.endpoint

    def slow(self, key: Key) -> bool:
        """``key`` let the short timeout pass."""
        owner = self._owner.get(key)
        return owner is not None and owner.slow(key)

    def dismiss(self, key: Key) -> bool:
        """``key`` lives, but is no use: its path goes on past it."""
        owner = self._owner.get(key)
        return self.failed(key) if owner is None else owner.dismiss(key)

    def failed(self, key: Key) -> bool:
        """``key`` let the long timeout pass or refused; never asked, it is struck off everywhere.

        Paths that know it at another endpoint may try it there.
        """
        owner = self._owner.get(key)
        if owner is None:
            return sum(path.failed(key) for path in self._paths) > 0  # all paths, not any()
        tried = owner.contact(key)
        if tried is None or not owner.failed(key):
            return False
        self._released[key] = tried.endpoint
        for path in self._paths:
            known = path.contact(key)
            if path is not owner and known is not None and self._free(known):
                path.restore(key)
        return True
