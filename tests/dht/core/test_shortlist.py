"""Shortlist: ranking and limits against the stupid correct answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from dht.core.keys import Key
from dht.core.messages import Contact
from dht.core.shortlist import ANSWERED, DROPPED, FAILED, SLOW, UNASKED, WAITING, Shortlist
from tests.dht.core.lookup_world import make_policy

if TYPE_CHECKING:
    from dht.core.policy import Policy

TARGET = Key(0b1010_1010)


def live_keys(shortlist: Shortlist) -> list[int]:
    return [candidate.contact.key for candidate in shortlist.live()]


def by_brute_force(
    entries: list[tuple[Contact, int]], policy: Policy, target: Key = TARGET
) -> list[int]:
    """Nearest first, skip the failed, and those whose address or subnet is taken already."""
    chosen: list[Contact] = []
    rules = policy.contacts
    for contact, state in sorted(entries, key=lambda entry: entry[0].key ^ target):
        if state in (FAILED, DROPPED):
            continue
        same_address = [c for c in chosen if address(c, policy) == address(contact, policy)]
        subnet = rules.subnet(contact.endpoint)
        same_subnet = [c for c in chosen if rules.subnet(c.endpoint) == subnet]
        if same_address or (subnet is not None and len(same_subnet) >= policy.per_subnet_lookup):
            continue
        chosen.append(contact)
    return [each.key for each in chosen]


def address(contact: Contact, policy: Policy) -> object:
    return policy.contacts.address(contact.endpoint)


HOSTS = st.builds("10.0.{}.{}".format, st.integers(0, 5), st.integers(0, 3))
ENDPOINTS = st.tuples(HOSTS, st.integers(1, 2)) | st.integers(0, 3)
STATES = st.sampled_from([UNASKED, WAITING, SLOW, ANSWERED, FAILED, DROPPED])
ENTRIES = st.lists(
    st.tuples(st.integers(0, 255), ENDPOINTS, STATES), max_size=30, unique_by=lambda e: e[0]
)


@given(ENTRIES, st.integers(1, 3))
def test_live_is_the_greedy_choice_nearest_first(
    entries: list[tuple[int, object, int]], per_subnet: int
) -> None:
    policy = make_policy(per_subnet_lookup=per_subnet)
    shortlist = Shortlist(TARGET, policy)
    placed = [(Contact(Key(key), endpoint), state) for key, endpoint, state in entries]
    for contact, state in placed:
        shortlist.add(contact, 1)
        shortlist.settle()
        candidate = shortlist.get(contact.key)
        assert candidate is not None
        candidate.state = state
    shortlist.settle()
    assert len(shortlist) == len(entries)
    assert live_keys(shortlist) == by_brute_force(placed, policy)


@given(ENTRIES.filter(bool), ENDPOINTS, st.data())
def test_moving_to_another_endpoint_ranks_as_if_it_had_been_there_from_the_start(
    entries: list[tuple[int, object, int]], endpoint: object, data: st.DataObject
) -> None:
    policy = make_policy()
    shortlist = Shortlist(TARGET, policy)
    placed = [(Contact(Key(key), where), UNASKED) for key, where, _ in entries]
    for contact, _ in placed:
        shortlist.add(contact, 1)
    index = data.draw(st.integers(0, len(placed) - 1))
    moved = Contact(placed[index][0].key, endpoint)
    candidate = shortlist.get(moved.key)
    assert candidate is not None
    candidate.state = FAILED
    shortlist.move(candidate, moved)
    shortlist.settle()
    placed[index] = (moved, UNASKED)
    assert live_keys(shortlist) == by_brute_force(placed, policy)
    assert candidate.contact is moved


def test_an_address_and_a_subnet_that_look_alike_are_told_apart() -> None:
    shortlist = Shortlist(Key(0), make_policy())
    shortlist.add(Contact(Key(1), "10.0.0"), 1)  # an address that reads like a subnet
    shortlist.add(Contact(Key(2), ("10.0.0.7", 1)), 1)
    shortlist.settle()
    assert live_keys(shortlist) == [1, 2]


def test_strangers_are_not_in_it() -> None:
    assert Shortlist(TARGET, make_policy()).get(Key(1)) is None
