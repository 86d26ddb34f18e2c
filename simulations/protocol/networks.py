"""Whose rules a simulated network keeps: Mainline's or Amino's, and where its nodes stand.

A network is a policy and an address plan. Addresses are real ones, since the shipped limits per
address and subnet, and BEP 42, look at them: in the plan each node has a /24 to itself (a /16 as
long as there are enough), so limits bite only where a scenario crowds nodes together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from dht.core.keys import Key
from dht.core.messages import Contact
from dht.mainline.items import immutable_record
from dht.mainline.nodeid import secure_key
from dht.mainline.policy import mainline_policy
from dht.mainline.tickets import MainlineTickets
from simulations.errors import ConfigError
from simulations.protocol.amino import OLD_CLASS_A, amino_policy
from simulations.protocol.records import KeyedRecords

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from dht.core.messages import Endpoint, Record
    from dht.core.policy import ContactRules, Policy, RecordRules
    from dht.mainline.compact import Address

PORT: Final = 6881

_PRIVATE = {100, 127, 169, 172, 192, 198}
_OCTETS: Final = tuple(n for n in range(16, 224) if n not in _PRIVATE and str(n) not in OLD_CLASS_A)
"""First octets whose addresses are all public, and of no block that counts as one group."""


def address(place: int, neighbour: int = 0, port: int = PORT) -> Address:
    """The ``neighbour``-th address of the ``place``-th subnet of the plan.

    The first 51,200 places differ in their /16, all 13 million in their /24.
    """
    high, low = place % (len(_OCTETS) * 256), place // (len(_OCTETS) * 256)
    return f"{_OCTETS[high >> 8]}.{high & 255}.{low % 256}.{1 + neighbour}", port


class _Verdicts(dict[Any, Any]):
    """What a rule says of endpoints, each asked about once."""

    def __init__(self, rule: Callable[[Any], Any]) -> None:
        super().__init__()
        self._rule = rule

    def __missing__(self, endpoint: Any) -> Any:
        self[endpoint] = verdict = self._rule(endpoint)
        return verdict


class Remembered:
    """Contact rules whose verdicts are kept, for worlds in which nobody moves.

    The shipped rules remember a few thousand addresses, as a node meets them. One process with ten
    thousand nodes meets all of theirs in turn, which is the worst a bounded memory can meet.
    """

    def __init__(self, rules: ContactRules) -> None:
        self._rules = rules
        # As attributes of the instance, not methods: asked for every contact of every answer, and
        # so the call of a function of ours is saved.
        self.address = rules.address
        self.subnet = _Verdicts(rules.subnet).__getitem__
        self._acceptable: dict[Endpoint, bool] = {}
        self._foreign: dict[Endpoint, bool] = {}
        self._preferred: dict[Endpoint, tuple[Key, bool]] = {}

    def acceptable(self, contact: Contact) -> bool:
        """As the rules say of its endpoint."""
        try:
            return self._acceptable[contact.endpoint]
        except KeyError:
            verdict = self._rules.acceptable(contact)
            return self._acceptable.setdefault(contact.endpoint, verdict)

    def foreign(self, contact: Contact) -> bool:
        """As the rules say of its endpoint."""
        try:
            return self._foreign[contact.endpoint]
        except KeyError:
            return self._foreign.setdefault(contact.endpoint, self._rules.foreign(contact))

    def preferred(self, contact: Contact) -> bool:
        """As the rules say."""
        known = self._preferred.get(contact.endpoint)
        if known is None or known[0] != contact.key:
            known = contact.key, self._rules.preferred(contact)
            self._preferred[contact.endpoint] = known
        return known[1]


@dataclass(frozen=True, slots=True)
class Network:
    """A policy, and how its nodes get keys.

    Attributes:
        policy: The rules.
        secure: Keys follow from addresses (BEP 42); else everybody draws one at will.
        crowd: Nodes that share a subnet.
    """

    policy: Policy
    secure: bool = False
    crowd: int = 1

    def contact(self, index: int, rng: Random, key: Key | None = None) -> Contact:
        """The contact of the ``index``-th node; its key is drawn unless it is given."""
        where = address(index // self.crowd, index % self.crowd)
        if key is None and self.secure:
            key = secure_key(where[0], rng.getrandbits(8), rng)
        return Contact(self.policy.space.draw(rng) if key is None else key, where)

    def record(self, data: bytes) -> Record:
        """A valid record of ``data``."""
        rules = self.policy.records
        if isinstance(rules, KeyedRecords):
            return rules.immutable(data)
        return immutable_record(b"%d:%b" % (len(data), data))

    def with_records(self, rules: RecordRules) -> Network:
        """The same network with other rules for records."""
        return replace(self, policy=replace(self.policy, records=rules))

    def widen(self, key: int, rng: Random) -> Key:
        """A key whose first 64 bits are ``key``, the rest drawn: ids of the compiled fidelities."""
        free = self.policy.space.bits - 64
        return self.policy.space.draw_under(Key(key << free), 64, rng)


def network(
    name: str, *, secure: bool = False, crowd: int = 1, rng: Random | None = None, **overrides: Any
) -> Network:
    """The network ``mainline`` or ``amino``; ``overrides`` replace fields of its policy.

    Mainline's nodes give out tickets if there is an ``rng`` to draw their secrets from: one secret
    for all of them, since nobody here tries a ticket on a node that did not make it.

    Raises:
        ConfigError: A policy has no such field.
    """
    try:
        if name == "mainline":
            tickets = None if rng is None else MainlineTickets(rng)
            policy = mainline_policy(family="ipv4", tickets=tickets, **overrides)
        else:
            policy = amino_policy(**overrides)
    except TypeError as error:
        raise ConfigError(f"rules.switches: {error}") from None
    return Network(replace(policy, contacts=Remembered(policy.contacts)), secure, crowd)
