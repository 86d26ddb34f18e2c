"""Mainline's numbers and rules, as the core wants to hear them.

Most of Mainline's numbers are the core's defaults, which were taken from it: k = 8 (BEP 5: "Each
bucket can only hold K nodes, currently eight"), contacts questionable after 15 minutes, records
kept for two hours (BEP 44). What stands here is what only this network knows: how its addresses
relate to contacts, how much fits its datagrams, who may sign what.

Addresses matter because ids are free. Whoever wants to surround a key needs many contacts near
it, and without further rules one machine can be as many as it likes. So one address counts once,
whatever its ports; of one subnet only a few are believed (:mod:`dht.core.bucket`,
:mod:`dht.core.shortlist`); and among equals those come first whose id follows from their address
(BEP 42).
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from dht.core.keys import MAINLINE_SPACE
from dht.core.policy import Policy
from dht.mainline.bloom import summarise
from dht.mainline.compact import REMEMBERED, Scope, host_of, is_v6, scope
from dht.mainline.items import ItemRules
from dht.mainline.nodeid import is_secure
from dht.mainline.votes import subnet_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from dht.core.messages import Contact, Endpoint
    from dht.core.policy import TicketRules

Family: TypeAlias = Literal["ipv4", "ipv6"]
"""The two networks of BEP 32: they share nothing but the code."""

PROVIDERS_PER_ANSWER: Final[dict[Family, int]] = {"ipv4": 50, "ipv6": 24}
"""Peers of 8 (6 + ``6:``) or 21 bytes that fit 1024 beside eight contacts and a ticket."""


@lru_cache(REMEMBERED)
def _family(host: str) -> bool | None:
    """Whether ``host`` is of IPv6; ``None`` if no node can be there."""
    return None if scope(host) is Scope.NOWHERE else is_v6(host)


class MainlineContacts:
    """How addresses relate to contacts on one of the two networks. Implements ``ContactRules``.

    Args:
        family: Which network.
        private_contacts: Believe nodes on the Internet who name contacts on private networks.
            Off, such contacts are dropped (:func:`dht.mainline.compact.unpack_nodes`); between
            nodes of one private network, or of one machine, they are always fine.
        exempt_subnets: Networks in which the limits per subnet do not hold: "10.0.0.0/8".
    """

    __slots__ = ("_exempt", "_v6", "private_contacts")

    def __init__(
        self,
        family: Family,
        *,
        private_contacts: bool = False,
        exempt_subnets: Iterable[str] = (),
    ) -> None:
        self._v6 = family == "ipv6"
        self._exempt = tuple(ip_network(each) for each in exempt_subnets)
        self.private_contacts = private_contacts

    def address(self, endpoint: Endpoint) -> Hashable:
        """The host: many ports on one address are one node to us."""
        # Not a cast, which is a call: these are asked for every stranger, and in every lookup.
        return endpoint[0]  # type: ignore[index, no-any-return]

    def subnet(self, endpoint: Endpoint) -> Hashable | None:
        """The /24 or /64 (one household's or one machine's worth), unless exempt."""
        host: str = endpoint[0]  # type: ignore[index]
        # A test network lives on one machine, a company's behind a few subnets: they say so.
        if self._exempt and any(ip_address(host) in net for net in self._exempt):
            return None
        return subnet_of(host)

    def acceptable(self, contact: Contact) -> bool:
        """Whether a node can be there: our family, a real address, a port."""
        host, port = contact.endpoint  # type: ignore[misc]
        return 0 < port < 0x10000 and _family(host) is self._v6  # noqa: PLR2004

    def foreign(self, contact: Contact) -> bool:
        """Whether its address is of the other family."""
        return is_v6(host_of(contact)) != self._v6

    def preferred(self, contact: Contact) -> bool:
        """Whether BEP 42 proves its id. Local addresses prove nothing and need not."""
        return is_secure(contact.key, host_of(contact))


def mainline_policy(
    *,
    family: Family,
    tickets: TicketRules | None,
    private_contacts: bool = False,
    exempt_subnets: Iterable[str] = (),
    **overrides: Any,
) -> Policy:
    """The policy of the IPv4 or the IPv6 network; ``overrides`` replace fields of ``Policy``."""
    contacts = MainlineContacts(
        family, private_contacts=private_contacts, exempt_subnets=exempt_subnets
    )
    fields: dict[str, Any] = {
        "name": f"mainline-{family}",
        "family": family,
        "space": MAINLINE_SPACE,
        "contacts": contacts,
        "records": ItemRules(),
        "tickets": tickets,
        "summarise": summarise,
        "providers_per_answer": PROVIDERS_PER_ANSWER[family],
    }
    return Policy(**(fields | overrides))
