"""Amino's numbers: the DHT of IPFS (libp2p kad-dht spec; go-libp2p-kad-dht, amino/defaults.go).

256 bits, k = 20, and no tickets, since a connection proves where its other end is. Its lookups
keep 10 requests in flight and stop at beta = 3: once the three closest have answered, the 20
closest that were named are taken on trust. Provider records live for 48 h and are announced
again after 22 (kubo 0.18; 24 and 12 before), tables are refreshed every 10 minutes.

Here Amino is a policy alone: its wire (protobuf over libp2p streams) is no part of it, so the
codec cannot be switched on. Endpoints are ``(host, port)`` as everywhere in the simulator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from dht.core.keys import AMINO_SPACE
from dht.core.policy import Policy, Timeouts
from dht.mainline.compact import Address, host_of
from simulations.protocol.records import KeyedRecords

if TYPE_CHECKING:
    from collections.abc import Hashable

    from dht.core.messages import Contact, Endpoint

HOUR = 3600.0

OLD_CLASS_A = frozenset(
    {"12", "17", "19", "38", "48", "56", "73", "53"}  # go-libp2p-kbucket, peerdiversity/filter.go
)
"""First octets of IPv4 blocks that went to one owner whole: a group is a /8 there."""


class AminoContacts:
    """go-libp2p's diversity filter: groups are /16s, of old class A blocks the whole /8."""

    def address(self, endpoint: Endpoint) -> Hashable:
        """The host."""
        return cast("Address", endpoint)[0]

    def subnet(self, endpoint: Endpoint) -> Hashable | None:
        """The group of an IPv4 address."""
        first, second, *_ = cast("Address", endpoint)[0].split(".")
        return first if first in OLD_CLASS_A else f"{first}.{second}"

    def acceptable(self, contact: Contact) -> bool:
        """Whether a node can be there."""
        return cast("Address", contact.endpoint)[1] > 0

    def foreign(self, contact: Contact) -> bool:
        """Of another family; there is one only."""
        return ":" in host_of(contact)

    def preferred(self, contact: Contact) -> bool:
        """A peer id proves itself: all are alike."""
        return True


def amino_policy(**overrides: Any) -> Policy:
    """The policy of Amino as kubo runs it; ``overrides`` replace fields of ``Policy``."""
    fields: dict[str, Any] = {
        "name": "amino",
        "space": AMINO_SPACE,
        "contacts": AminoContacts(),
        "records": KeyedRecords(AMINO_SPACE),
        "k": 20,
        "alpha": 10,
        "beta": 3,
        "per_subnet_bucket": 2,
        "per_subnet_table": 3,
        # A libp2p lookup has no such limit: its table has, and a connection proves the peer.
        "per_subnet_lookup": 20,
        "timeouts": Timeouts(),
        "refresh_every": 600.0,
        "questionable_after": 600.0,
        "record_lifetime": 48 * HOUR,
        "provider_lifetime": 48 * HOUR,
        "republish_every": 22 * HOUR,
        "reprovide_every": 22 * HOUR,
        "replicate_every": 22 * HOUR,
    }
    return Policy(**(fields | overrides))
