"""dht.mainline.votes: our external address (BEP 42)."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from dht.mainline.votes import LIFETIME, MAX_VOTES, MIN_VOTES, AddressVotes, subnet_of

OURS, OTHER = "5.6.7.8", "9.9.9.9"


def votes_for(*hosts: str) -> AddressVotes:
    """One vote each, from as many subnets."""
    votes = AddressVotes()
    for i, host in enumerate(hosts):
        votes.add(f"1.{i // 256}.{i % 256}.1", host, 0.0)
    return votes


def test_nobody_wins_without_votes() -> None:
    assert AddressVotes().winner() is None


def test_a_few_that_agree_are_enough() -> None:
    assert votes_for(OURS, OURS).winner() is None
    assert votes_for(OURS, OURS, OURS).winner() == OURS


def test_more_than_half_must_agree() -> None:
    assert votes_for(*[OURS] * 4, *[OTHER] * 3).winner() == OURS
    assert votes_for(*[OURS] * 4, *[OTHER] * 4).winner() is None
    assert votes_for(*[OURS] * 4, *[OTHER] * 3, "7.7.7.7", "6.6.6.6").winner() is None


def test_a_subnet_has_one_vote_its_latest() -> None:
    votes = AddressVotes()
    for i in range(50):
        votes.add(f"66.6.6.{i}", OTHER, 0.0)
    assert len(votes) == 1
    assert votes.winner() is None
    votes.add("66.6.6.9", OURS, 1.0)
    votes.add("1.1.1.1", OURS, 1.0)
    votes.add("1.1.2.1", OURS, 1.0)
    assert votes.winner() == OURS


def test_an_ipv6_network_has_one_vote() -> None:
    votes = AddressVotes()
    for i in range(1, 50):
        votes.add(f"2001:db8:0:1::{i:x}", "2a00::1", 0.0)
    assert len(votes) == 1
    for i in range(2, 4):
        votes.add(f"2001:db8:0:{i}::1", "2a00::1", 0.0)
    assert votes.winner() == "2a00::1"


def test_a_change_of_address_is_noticed() -> None:
    votes = votes_for(*[OTHER] * 3)
    for i in range(4):
        votes.add(f"2.0.{i}.1", OURS, 10.0)
    assert votes.winner() == OURS


def test_votes_grow_old() -> None:
    votes = votes_for(*[OTHER] * 40)
    for i in range(MIN_VOTES):
        votes.add(f"2.0.{i}.1", OURS, LIFETIME)
    assert len(votes) == MIN_VOTES
    assert votes.winner() == OURS


def test_votes_are_bounded_and_the_oldest_goes() -> None:
    votes = votes_for(*[OTHER] * (MAX_VOTES + 50))
    assert len(votes) == MAX_VOTES
    for i in range(MAX_VOTES // 2):
        assert votes.winner() == OTHER
        votes.add(f"2.0.{i}.1", OURS, 1.0)
    assert votes.winner() is None
    votes.add("2.1.0.1", OURS, 1.0)
    assert votes.winner() == OURS


def test_a_vote_counts_within_its_scope() -> None:
    votes = AddressVotes()
    for i in range(5):
        votes.add(f"192.168.{i}.1", "192.168.0.77", 0.0)
        votes.add(f"192.168.{i}.1", OURS, 0.0)  # not from there
        votes.add(f"8.0.{i}.1", "127.0.0.1", 0.0)  # nonsense
        votes.add(f"8.0.{i}.1", "0.0.0.0", 0.0)
    assert votes.winner() == "192.168.0.77"
    for i in range(MIN_VOTES):
        votes.add(f"8.0.{i}.1", OURS, 0.0)
    assert votes.winner() == OURS  # the wider scope decides


def test_a_loopback_network_finds_its_address_too() -> None:
    votes = AddressVotes()
    for i in range(3):
        votes.add(f"127.0.{i}.1", "127.0.9.1", 0.0)
    assert votes.winner() == "127.0.9.1"


def test_votes_can_be_forgotten() -> None:
    votes = votes_for(OURS, OURS, OURS)
    votes.clear()
    assert len(votes) == 0
    assert votes.winner() is None


def test_subnets() -> None:
    assert subnet_of("1.2.3.4") == subnet_of("1.2.3.99") != subnet_of("1.2.4.4")
    assert subnet_of("2001:db8::1") == subnet_of("2001:db8::ffff") != subnet_of("2001:db8:0:1::")


@given(
    st.lists(st.tuples(st.integers(0, 12), st.sampled_from([OURS, OTHER, "7.7.7.7"])), max_size=40)
)
def test_equals_counting_by_hand(ballots: list[tuple[int, str]]) -> None:
    votes, last = AddressVotes(), {}
    for i, (subnet, host) in enumerate(ballots):
        votes.add(f"3.3.{subnet}.{i % 250 + 1}", host, 0.0)
        last[subnet] = host
    tally = Counter(last.values())
    winners = [h for h, n in tally.items() if n >= MIN_VOTES and 2 * n > len(last)]
    assert votes.winner() == (winners[0] if winners else None)
