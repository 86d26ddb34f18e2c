from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from dht.core.keys import Key
from dht.core.messages import Contact
from dht.mainline.nodeid import is_secure
from dht.mainline.policy import MainlineContacts
from simulations.errors import ConfigError
from simulations.protocol.amino import AminoContacts
from simulations.protocol.networks import Remembered, address, network
from simulations.protocol.records import OpenRecords


@pytest.mark.parametrize("rules", [MainlineContacts("ipv4"), AminoContacts()])
def test_every_address_of_the_plan_may_be_contacted_and_has_a_group_to_itself(
    rules: MainlineContacts | AminoContacts,
) -> None:
    endpoints = [address(place) for place in range(20_000)]
    assert len({rules.subnet(each) for each in endpoints}) == len(endpoints)
    assert all(rules.acceptable(Contact(Key(1), each)) for each in endpoints)
    assert not any(rules.foreign(Contact(Key(1), each)) for each in endpoints)


def test_the_plan_reaches_beyond_its_first_groups() -> None:
    rules = MainlineContacts("ipv4")
    places = [*range(50_000, 54_000), *range(10_000_000, 10_001_000)]
    assert len({rules.subnet(address(place)) for place in places}) == len(places)


def test_neighbours_share_a_subnet() -> None:
    net = network("mainline", crowd=3)
    rng = Random(1)
    endpoints = [net.contact(index, rng).endpoint for index in range(6)]
    groups = [net.policy.contacts.subnet(each) for each in endpoints]
    assert len(set(endpoints)) == 6
    assert groups == [groups[0]] * 3 + [groups[3]] * 3
    assert groups[0] != groups[3]


def test_keys_follow_from_addresses_if_wanted() -> None:
    rng = Random(1)
    bound = [network("mainline", secure=True).contact(index, rng) for index in range(20)]
    free = [network("mainline").contact(index, rng) for index in range(20)]
    for contacts, secure in ((bound, True), (free, False)):
        for contact in contacts:
            assert is_secure(contact.key, contact.endpoint[0]) is secure  # type: ignore[index]


@pytest.mark.parametrize(("name", "bits"), [("mainline", 160), ("amino", 256)])
def test_ids_of_the_compiled_fidelities_are_the_first_bits(name: str, bits: int) -> None:
    key = network(name).widen(0x0123456789ABCDEF, Random(1))
    assert key >> bits - 64 == 0x0123456789ABCDEF
    assert key & 0xFFFF_FFFF
    assert network(name).contact(0, Random(1), key).key == key


@pytest.mark.parametrize("name", ["mainline", "amino"])
def test_verdicts_are_those_of_the_rules(name: str) -> None:
    class Rules(MainlineContacts):
        asked = 0

        def acceptable(self, contact: Contact) -> bool:
            self.asked += 1
            return super().acceptable(contact)

    rules = Rules("ipv4")
    kept = Remembered(rules)
    good, bad = ("16.0.0.1", 1), ("224.0.0.1", 1)
    for endpoint in (good, bad, good, bad):
        for key in (Key(1), Key(2)):
            contact = Contact(key, endpoint)
            assert kept.acceptable(contact) == (endpoint == good)
            assert kept.address(endpoint) == rules.address(endpoint)
            assert kept.subnet(endpoint) == rules.subnet(endpoint)
            assert kept.foreign(contact) == rules.foreign(contact)
            assert kept.preferred(contact) == rules.preferred(contact)
    assert rules.asked == 2


def test_amino_is_as_kubo_runs_it() -> None:
    policy = network("amino").policy
    assert (policy.k, policy.alpha, policy.beta, policy.tickets) == (20, 10, 3, None)
    assert (policy.space.bits, policy.republish_every) == (256, 22 * 3600)
    assert policy.provider_lifetime == policy.record_lifetime == 48 * 3600


def test_aminos_groups_are_16s_and_old_class_as() -> None:
    rules = AminoContacts()
    groups = [rules.subnet((host, 1)) for host in ("20.1.2.3", "20.1.9.9", "20.2.1.1")]
    assert groups[0] == groups[1] != groups[2]
    assert rules.subnet(("12.1.1.1", 1)) == rules.subnet(("12.200.1.1", 1)) == "12"
    assert rules.preferred(Contact(Key(1), ("12.1.1.1", 1)))
    assert rules.foreign(Contact(Key(1), ("::1", 1)))
    assert not rules.acceptable(Contact(Key(1), ("12.1.1.1", 0)))


@pytest.mark.parametrize("name", ["mainline", "amino"])
def test_records_made_are_valid(name: str) -> None:
    net = network(name)
    rules = net.policy.records
    record = net.record(b"something")
    assert rules.admit(record) is rules.verify(record) is None
    assert rules.admit(replace(record, value=b"3:abc")) is not None
    opened = net.with_records(OpenRecords(net.policy.space))
    assert opened.policy.records.admit(replace(record, value=b"3:abc")) is None
    assert opened.record(b"x").seq == 1


def test_a_policy_without_such_a_field_is_refused() -> None:
    for name in ("mainline", "amino"):
        with pytest.raises(ConfigError, match="no_such"):
            network(name, no_such=1)
