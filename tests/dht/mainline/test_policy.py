"""dht.mainline.policy: how addresses relate to contacts, and Mainline's numbers."""

from __future__ import annotations

from random import Random

import pytest

from dht.core.keys import MAINLINE_SPACE
from dht.core.messages import Contact, Provider
from dht.mainline.bloom import summarise
from dht.mainline.items import ItemRules
from dht.mainline.nodeid import secure_key
from dht.mainline.policy import MainlineContacts, mainline_policy
from dht.mainline.tickets import MainlineTickets

V4, V6 = MainlineContacts("ipv4"), MainlineContacts("ipv6")


def contact(host: str, port: int = 6881, key: int = 1) -> Contact:
    return Contact(key, (host, port))


@pytest.mark.parametrize(
    ("rules", "host", "port", "fine"),
    [
        (V4, "8.8.8.8", 1, True),
        (V4, "8.8.8.8", 65535, True),
        (V4, "8.8.8.8", 0, False),
        (V4, "8.8.8.8", 65536, False),
        (V4, "127.0.0.1", 1, True),
        (V4, "10.0.0.1", 1, True),
        (V4, "0.0.0.0", 1, False),
        (V4, "224.0.0.1", 1, False),
        (V4, "255.255.255.255", 1, False),
        (V4, "2a00::1", 1, False),
        (V4, "::ffff:8.8.8.8", 1, False),
        (V6, "2a00::1", 1, True),
        (V6, "::1", 1, True),
        (V6, "fe80::1", 1, True),
        (V6, "::", 1, False),
        (V6, "ff02::1", 1, False),
        (V6, "::ffff:8.8.8.8", 1, False),
        (V6, "8.8.8.8", 1, False),
    ],
)
def test_acceptable(rules: MainlineContacts, host: str, port: int, *, fine: bool) -> None:
    assert rules.acceptable(contact(host, port)) is fine


def test_foreign_is_of_the_other_family() -> None:
    assert not V4.foreign(contact("8.8.8.8"))
    assert V4.foreign(contact("2a00::1"))
    assert V6.foreign(contact("8.8.8.8"))
    assert not V6.foreign(contact("2a00::1"))


def test_ports_of_one_host_are_one_address() -> None:
    assert V4.address(("8.8.8.8", 1)) == V4.address(("8.8.8.8", 2)) != V4.address(("8.8.8.9", 1))


def test_subnets() -> None:
    assert V4.subnet(("8.8.8.8", 1)) == V4.subnet(("8.8.8.9", 2)) != V4.subnet(("8.8.9.8", 1))
    assert V6.subnet(("2a00::1", 1)) == V6.subnet(("2a00::2", 2)) != V6.subnet(("2a00:0:0:1::", 1))
    assert V4.subnet(("127.0.0.1", 1)) is not None  # the limits hold on loopback too


def test_exempt_subnets_have_no_limits() -> None:
    rules = MainlineContacts("ipv4", exempt_subnets=["10.0.0.0/8", "2a00::/16"])
    assert rules.subnet(("10.1.2.3", 1)) is None
    assert rules.subnet(("2a00::1", 1)) is None
    assert rules.subnet(("11.1.2.3", 1)) is not None


def test_bep_42_ids_and_local_addresses_are_preferred() -> None:
    key = secure_key("8.8.8.8", 3, Random(1))
    assert V4.preferred(contact("8.8.8.8", key=key))
    assert not V4.preferred(contact("8.8.8.8", key=key ^ 1 << 159))
    assert V4.preferred(contact("192.168.1.1", key=1))


def test_the_policy_of_each_family() -> None:
    tickets = MainlineTickets(Random(1))
    policy = mainline_policy(family="ipv4", tickets=tickets)
    assert policy.space is MAINLINE_SPACE
    assert policy.tickets is tickets
    assert isinstance(policy.records, ItemRules)
    assert (policy.k, policy.beta) == (8, 8)
    assert policy.name == "mainline-ipv4"
    assert policy.summarise is not None
    assert policy.summarise([Provider(("8.8.8.8", 1))]) == summarise([Provider(("8.8.8.8", 1))])
    other = mainline_policy(family="ipv6", tickets=None)
    assert (policy.family, other.family) == ("ipv4", "ipv6")  # as FAMILIES names them
    assert other.providers_per_answer < policy.providers_per_answer
    assert other.contacts.foreign(contact("8.8.8.8"))


def test_fields_can_be_replaced() -> None:
    policy = mainline_policy(
        family="ipv4",
        tickets=None,
        private_contacts=True,
        exempt_subnets=["127.0.0.0/8"],
        k=20,
        name="test",
    )
    assert (policy.k, policy.name) == (20, "test")
    assert isinstance(policy.contacts, MainlineContacts)
    assert policy.contacts.private_contacts
    assert policy.contacts.subnet(("127.0.0.1", 1)) is None
    with pytest.raises(TypeError):
        mainline_policy(family="ipv4", tickets=None, no_such_field=1)
