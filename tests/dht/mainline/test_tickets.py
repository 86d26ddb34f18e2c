"""dht.mainline.tickets: write tokens (BEP 5)."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.core.messages import Origin
from dht.mainline.tickets import ROTATION, SIZE, MainlineTickets

KEY = 0x1234 << 140


def origin(host: str = "1.2.3.4", port: int = 6881) -> Origin:
    return Origin(None, (host, port), None)


def test_a_ticket_is_good_for_its_host_and_key() -> None:
    tickets = MainlineTickets(Random(1))
    ticket = tickets.mint(origin(), KEY, 0.0)
    assert len(ticket) == SIZE
    assert tickets.check(ticket, origin(), KEY, 1.0)


def test_the_port_may_change() -> None:
    # BEP 5: "the queried node checks the token against the querying node's IP address".
    tickets = MainlineTickets(Random(1))
    ticket = tickets.mint(origin(port=1), KEY, 0.0)
    assert tickets.check(ticket, origin(port=2), KEY, 0.0)


def test_no_other_host_key_or_node_may_use_it() -> None:
    tickets = MainlineTickets(Random(1))
    ticket = tickets.mint(origin(), KEY, 0.0)
    assert not tickets.check(ticket, origin("1.2.3.5"), KEY, 0.0)
    assert not tickets.check(ticket, origin(), KEY + 1, 0.0)
    assert not MainlineTickets(Random(2)).check(ticket, origin(), KEY, 0.0)


@pytest.mark.parametrize("forged", [b"", b"x", bytes(SIZE), bytes(100)])
def test_forgeries_fail(forged: bytes) -> None:
    tickets = MainlineTickets(Random(1))
    ticket = tickets.mint(origin(), KEY, 0.0)
    assert not tickets.check(forged, origin(), KEY, 0.0)
    assert not tickets.check(ticket[:-1], origin(), KEY, 0.0)
    assert not tickets.check(ticket + b"\0", origin(), KEY, 0.0)


def test_a_ticket_lasts_five_to_ten_minutes() -> None:
    tickets = MainlineTickets(Random(1))
    first = tickets.mint(origin(), KEY, 0.0)
    late = tickets.mint(origin(), KEY, ROTATION - 1)
    assert first == late
    assert tickets.check(first, origin(), KEY, ROTATION + 1)
    assert tickets.mint(origin(), KEY, ROTATION + 1) != first
    assert tickets.check(first, origin(), KEY, 2 * ROTATION - 1)
    assert not tickets.check(first, origin(), KEY, 2 * ROTATION)


def test_after_a_long_silence_no_old_ticket_is_accepted() -> None:
    tickets = MainlineTickets(Random(1))
    ticket = tickets.mint(origin(), KEY, 0.0)
    assert not tickets.check(ticket, origin(), KEY, 2 * ROTATION)


def test_ipv6_hosts_have_tickets_too() -> None:
    tickets = MainlineTickets(Random(1))
    ticket = tickets.mint(origin("2001:db8::1"), KEY, 0.0)
    assert tickets.check(ticket, origin("2001:db8::1"), KEY, 0.0)
    assert not tickets.check(ticket, origin("2001:db8::2"), KEY, 0.0)


def test_one_seed_gives_the_same_tickets() -> None:
    one, two = (MainlineTickets(Random(7)) for _ in range(2))
    assert one.mint(origin(), KEY, 5.0) == two.mint(origin(), KEY, 5.0)


@given(st.lists(st.floats(0, 400), max_size=20))
def test_a_ticket_younger_than_five_minutes_is_always_accepted(steps: list[float]) -> None:
    tickets, now, minted = MainlineTickets(Random(3)), 0.0, []
    for step in steps:
        now += step
        minted.append((now, tickets.mint(origin(), KEY, now)))
        for at, ticket in minted:
            accepted = tickets.check(ticket, origin(), KEY, now)
            if now - at < ROTATION:
                assert accepted
            if now - at > 2 * ROTATION:
                assert not accepted
