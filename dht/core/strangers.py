"""Contacts we have heard of and not yet heard from.

*Insert only who answered us* (the Total Eclipse attack of 2021 filled tables with contacts that
had merely claimed to exist). So strangers, who sent us a request or were named by somebody, are
pinged first, and only if the table would have a place for them.

Whoever forges source addresses, or names contacts that do not exist, chooses whom we ping. That
is bounded twice: by the number of pings under way, and by a memory of which addresses were tried
lately. The memory is of addresses and not of endpoints, because one answer can name a hundred
ports of one victim. So a victim gets one ping a minute from us, whatever is said about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dht.core.calls import Silence
from dht.core.messages import Contact, Ping

if TYPE_CHECKING:
    from collections.abc import Hashable

    from dht.core.calls import Pending
    from dht.core.effects import Effect
    from dht.core.keys import Key
    from dht.core.messages import Answer, Endpoint, Refusal, Request
    from dht.core.policy import Policy
    from dht.core.table import RoutingTable

MAX_PINGS: Final = 32
"""Pings under way: a joining node meets about that many strangers at once."""
MAX_TRIED: Final = 4096
"""Addresses remembered as tried."""
RETRY_AFTER: Final = 60.0
"""Seconds until a stranger is tried again. A table holds one contact of an address, so a
neighbour behind the same one loses little by waiting."""
MAX_BACKLOG: Final = 1024
"""Contacts that wait for a ping: more than the table of a large network holds."""


class Strangers:
    """Pings strangers that the table has a place for; the answers go to the table by themselves.

    ``id`` is 0, which no operation of a user or of upkeep carries.
    """

    __slots__ = (
        "_address",
        "_backlog",
        "_doubted",
        "_pings",
        "_policy",
        "_table",
        "_tried",
        "id",
        "requests",
    )

    finished: Final = False

    def __init__(self, table: RoutingTable, policy: Policy) -> None:
        self.id = 0
        self.requests = 0
        self._table = table
        self._policy = policy
        self._address = policy.contacts.address  # asked for every request of a stranger
        self._tried: dict[Hashable, float] = {}
        # Lists, though they are queues: nearly always empty, and a deque weighs 700 bytes then.
        self._backlog: list[Contact] = []
        # Apart from the others, so that no flood of names washes them out. Upkeep doubts no
        # contact twice within minutes, so there are never more than the table has.
        self._doubted: list[Contact] = []
        self._pings = 0

    def tried(self, endpoint: Endpoint, now: float) -> bool:
        """Whether it was met within the last minute. Asked for every request of a stranger."""
        when = self._tried.get(self._address(endpoint))
        return when is not None and now - when < RETRY_AFTER

    def meet(self, key: Key, endpoint: Endpoint, now: float) -> bool:
        """A stranger sent us a request: is it worth a ping?"""
        if self._pings >= MAX_PINGS or not self._untried(endpoint, now):
            return False
        # Most buckets are full, so most strangers need not even be made a contact of.
        return not self._table.closed(key) and self._consider(Contact(key, endpoint))

    def learn(self, contacts: tuple[Contact, ...], now: float) -> None:
        """Contacts were named: by a saved table, or by who answered our other half."""
        for contact in contacts:
            if self._untried(contact.endpoint, now):
                self._consider(contact)

    def check(self, contact: Contact) -> None:
        """Upkeep doubts a contact of the table."""
        self._doubted.append(contact)

    def _untried(self, endpoint: Endpoint, now: float) -> bool:
        """Whether this address was left alone for a while. From now on it was not."""
        tried, address = self._tried, self._address(endpoint)
        when = tried.get(address)
        if when is not None and now - when < RETRY_AFTER:
            return False
        if len(tried) >= MAX_TRIED:
            tried.clear()
        tried[address] = now
        return True

    def _consider(self, contact: Contact) -> bool:
        """Put ``contact`` in the queue if it may be contacted and the table has a place."""
        if not self._table.room(contact) or not self._policy.contacts.acceptable(contact):
            return False
        if len(self._backlog) == MAX_BACKLOG:
            del self._backlog[0]
        self._backlog.append(contact)
        return True

    def next(self) -> list[tuple[Contact, Request]]:
        """Whom to ping now."""
        pings: list[tuple[Contact, Request]] = []
        while self._pings < MAX_PINGS and (self._doubted or self._backlog):
            # Asked again here: the table may have changed while they waited.
            if self._doubted:
                contact = self._doubted.pop(0)
                wanted = contact.key in self._table
            else:
                contact = self._backlog.pop(0)
                wanted = self._table.room(contact)
            if wanted:
                self._pings += 1
                pings.append((contact, Ping()))
        return pings

    def answered(self, call: Pending, contact: Contact, answer: Answer, now: float) -> list[Effect]:
        """It lives; the engine has told the table."""
        self._settle(call)
        return []

    def refused(self, call: Pending, refusal: Refusal) -> None:
        """An error is a sign of life too."""
        self._settle(call)

    def slow(self, call: Pending) -> None:
        """Nobody waits for a ping."""

    def failed(self, call: Pending) -> None:
        """It is silent; the engine has told the table."""
        self._pings -= 1

    def _settle(self, call: Pending) -> None:
        """One ping less under way, unless it was given up before this late answer."""
        if call.passed is not Silence.DEAD:
            self._pings -= 1
