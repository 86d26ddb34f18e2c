"""What a routing table is made of: rows of state, and buckets of rows.

A simulation holds ten thousand tables of 160 contacts at once, so a contact's state must be small.
The obvious object per entry does not do: 64 bytes with its garbage-collector header, and 24 more
for every float in it. Here the state lies in columns instead, one typed array per property, and
a *slot* is a row's number in all of them. A contact then costs about 60 bytes beside the one
shared ``Contact``, and bulk questions (how many of this subnet?) run at the speed of C.

A :class:`Bucket` holds its members, and its spares, which are the replacement cache of the
Kademlia paper (section 4.1). All are tuples: buckets change seldom and are read all the time, an
empty tuple costs nothing, and the members' tuple can be given out as an answer as it is. Who is
held under a key is sought in the one bucket where it can be: to compare k keys takes C a quarter of
a microsecond, and a dictionary of 200 keys would weigh more than all the columns.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from dht.core.keys import Key
    from dht.core.messages import Contact, Endpoint
    from dht.core.policy import ContactRules

NOWHERE: Final = 0
"""The fingerprint of no place: the subnet of who is exempt, and everything in a free slot."""

_WIDTH: Final = 2**31 - 1

MOST_FAILURES: Final = 255
"""Failures are counted in a byte; nobody asks more often than that for the difference."""


def fingerprint(place: Hashable | None) -> int:
    """An address or subnet as the four bytes that a column has for it.

    31 bits of Python's hash will do: one newcomer in ten million is taken for the neighbour of one
    of 200 that are held, and stays out though it could have come in. Strings are hashed with a
    secret of the process, so collisions cannot be sought.
    """
    return NOWHERE if place is None else hash(place) & _WIDTH or 1


class Row(NamedTuple):
    """A contact and its standing, on its way into, between, or out of ledgers.

    Attributes:
        contact: The contact itself.
        address: Fingerprint of its host.
        subnet: Fingerprint of its subnet; NOWHERE if it is exempt from limits.
        heard: When it last answered us or asked us something.
        rtt: Its smoothed round trip in seconds.
        failures: Requests it has left unanswered since its last answer.
    """

    contact: Contact
    address: int
    subnet: int
    heard: float
    rtt: float
    failures: int = 0


def places(endpoint: Endpoint, rules: ContactRules) -> tuple[int, int]:
    """Fingerprints of an endpoint's address and subnet."""
    return fingerprint(rules.address(endpoint)), fingerprint(rules.subnet(endpoint))


class Ledger:
    """The standing of contacts, in columns. The columns are public: they are the interface.

    A contact is bad once it has ``limit`` failures.
    """

    __slots__ = (
        "_free",
        "_limit",
        "addresses",
        "contacts",
        "failures",
        "heard",
        "rtts",
        "subnets",
    )

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.contacts: list[Contact] = []
        self.addresses: array[int] = array("i")
        self.subnets: array[int] = array("i")
        self.heard: array[float] = array("d")
        self.rtts: array[float] = array("d")
        self.failures = bytearray()
        self._free: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.contacts) - len(self._free)

    def enter(self, row: Row) -> int:
        """Write ``row`` into a free slot and return it."""
        if not self._free:
            return self._append(row)
        *rest, slot = self._free
        self._free = tuple(rest)
        self.contacts[slot] = row.contact
        self.addresses[slot] = row.address
        self.subnets[slot] = row.subnet
        self.heard[slot] = row.heard
        self.rtts[slot] = row.rtt
        self.failures[slot] = row.failures
        return slot

    def _append(self, row: Row) -> int:
        self.contacts.append(row.contact)
        self.addresses.append(row.address)
        self.subnets.append(row.subnet)
        self.heard.append(row.heard)
        self.rtts.append(row.rtt)
        self.failures.append(row.failures)
        return len(self.contacts) - 1

    def fill(self, rows: Sequence[Row]) -> None:
        """Write all ``rows`` into this ledger, which is empty, each at its number."""
        if rows:
            # Column by column, not row by row; and new ones: what is extended has room to spare.
            contacts, addresses, subnets, heard, rtts, failures = zip(*rows, strict=True)
            self.contacts = list(contacts)
            self.addresses, self.subnets = array("i", addresses), array("i", subnets)
            self.heard, self.rtts = array("d", heard), array("d", rtts)
            self.failures = bytearray(failures)

    def row(self, slot: int) -> Row:
        """Read a slot back."""
        return Row(
            self.contacts[slot],
            self.addresses[slot],
            self.subnets[slot],
            self.heard[slot],
            self.rtts[slot],
            self.failures[slot],
        )

    def release(self, slot: int) -> None:
        """Free a slot. Its contact stays referenced until the slot is used again, its place not.

        The fingerprints must go, since they are counted over whole columns.
        """
        self.addresses[slot] = self.subnets[slot] = NOWHERE
        self._free = (*self._free, slot)

    def strike(self, slot: int) -> None:
        """Count one more failure."""
        self.failures[slot] = min(self.failures[slot] + 1, MOST_FAILURES)

    def revive(self, slot: int) -> None:
        """Forgive all failures."""
        self.failures[slot] = 0

    def bad(self, slot: int) -> bool:
        """Whether the contact has failed too often."""
        return self.failures[slot] >= self._limit

    def at(self, address: int) -> int | None:
        """The slot whose contact lives at ``address``: a table holds at most one."""
        return self.addresses.index(address) if address in self.addresses else None


class Bucket:
    """The contacts of one range of distances.

    Attributes:
        members: Contacts with a place, the longest known first.
        keys: Theirs, in the same order ...
        slots: ... and their slots in the ledger of members.
        spares: Slots of the waiting ledger, the last to answer first.
        good: The members that are not bad; ``None`` if they must be found anew. The same tuple
            until the bucket changes, so that a dialect can remember how it is encoded.
        touched: When the bucket last gained a contact or a lookup went into its range.
    """

    __slots__ = ("good", "keys", "members", "slots", "spares", "touched")

    def __init__(self, touched: float) -> None:
        self.members: tuple[Contact, ...] = ()
        self.keys: tuple[Key, ...] = ()
        self.slots: Sequence[int] = ()
        self.spares: tuple[int, ...] = ()
        self.good: tuple[Contact, ...] | None = None
        self.touched = touched

    def fill(self, members: Iterable[Contact], first: int) -> None:
        """Take in all ``members``, with slots from ``first`` on; nobody is there yet."""
        self.members = tuple(members)
        self.keys = tuple([member.key for member in self.members])
        self.slots = range(first, first + len(self.members))  # weighs nothing

    def add(self, contact: Contact, slot: int) -> None:
        """Take ``contact`` in as the newest member."""
        self.members = (*self.members, contact)
        self.keys = (*self.keys, contact.key)
        self.slots = (*self.slots, slot)
        self.good = None

    def discard(self, slot: int) -> None:
        """Let the member of ``slot`` go."""
        place = self.slots.index(slot)
        self.members = self.members[:place] + self.members[place + 1 :]
        self.keys = self.keys[:place] + self.keys[place + 1 :]
        self.slots = (*self.slots[:place], *self.slots[place + 1 :])
        self.good = None

    def slot(self, key: Key) -> int | None:
        """The slot of the member ``key``, if it is one."""
        keys = self.keys
        return self.slots[keys.index(key)] if key in keys else None

    def keep(self, slot: int, waiting: Ledger, *, per_subnet: int, most: int) -> None:
        """Put ``slot`` of the ledger ``waiting`` first among the spares.

        Who it stands in for goes: an older answer of the same key or address, the oldest beyond
        ``per_subnet`` of its subnet, the oldest beyond ``most``. Without the limits one host could
        wash all others out by answering from many ports.
        """
        contacts, addresses, subnets = waiting.contacts, waiting.addresses, waiting.subnets
        key, address, subnet = contacts[slot].key, addresses[slot], subnets[slot]
        spares = self.spares
        for other in spares:
            # The common case, quickly seen: nobody is alike, so only the oldest may have to go.
            if (
                addresses[other] == address
                or subnets[other] == subnet
                or contacts[other].key == key
            ):
                break
        else:
            for other in spares[most - 1 :]:
                waiting.release(other)
            self.spares = (slot, *spares[: most - 1])
            return
        kept, neighbours = [slot], 0
        for other in spares:
            replaced = contacts[other].key == key or addresses[other] == address
            if not replaced and subnets[other] == subnet != NOWHERE:
                neighbours += 1
                replaced = neighbours >= per_subnet
            if replaced or len(kept) == most:
                waiting.release(other)
            else:
                kept.append(other)
        self.spares = tuple(kept)

    def forget(self, slot: int, waiting: Ledger) -> None:
        """Drop the spare ``slot``."""
        waiting.release(slot)
        self.spares = tuple(other for other in self.spares if other != slot)
