"""Liars, Sybils and floods on the virtual network: what each can reach, and what it cannot."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import pytest

from dht.core import commands as do
from dht.core.effects import Call, Reply
from dht.core.engine import Engine
from dht.core.keys import Key
from dht.core.lookup import Lookup, request_limit
from dht.core.messages import (
    Answer,
    Contact,
    FindNode,
    Get,
    Origin,
    Ping,
    Refusal,
)
from dht.core.shortlist import ANSWER_LIMIT
from dht.core.strangers import MAX_PINGS
from dht.core.table import RoutingTable
from tests.dht.core.engine_world import joined
from tests.strategies import MAINLINE, Network, brute_closest

if TYPE_CHECKING:
    from dht.core.effects import Effect
    from dht.core.messages import Endpoint, Request, Response
    from tests.world import Member, World

VICTIM = 66 << 24 | 6 << 16 | 6 << 8 | 6


def packets_to(world: World, member: Member, number: int) -> Counter[Endpoint]:
    """Watch ``member``: count the packets it sends to hosts at address ``number``."""
    heard: Counter[Endpoint] = Counter()
    address_of = world.network.policy.contacts.address
    victim = address_of(world.network.endpoint(number))
    transmit = world.transmit

    def watched(sender: Member, to: Endpoint, message: Request | Response, call: int) -> None:
        if sender is member and address_of(to) == victim:
            heard[to] += 1
        transmit(sender, to, message, call)

    world.transmit = watched  # type: ignore[method-assign]
    return heard


# Contacts that do not exist.


def test_a_liars_thousands_of_contacts_are_never_inserted_unseen(network: Network) -> None:
    world = joined(network, 30)
    real = {member.contact.key for member in world.members}
    invented = network.crowd(3000, Random(4))
    for liar in world.members[1:6]:
        liar.liar = lambda request, origin: (
            Answer(tuple(invented), ticket=b"t") if isinstance(request, FindNode | Get) else None
        )
    honest = world.members[0]
    for seed in range(6):
        target = network.policy.space.draw(Random(seed))
        world.do(honest, lambda n, target=target: do.Walk(n, target))  # type: ignore[misc]
    assert {contact.key for contact in honest.engine.table.contacts()} <= real


def test_walks_still_end_at_the_true_closest_among_inventors(network: Network) -> None:
    """The invented are asked, found dead, and stepped over; the honest answers remain."""
    world = joined(network, 40)
    rng = Random(8)
    for liar in world.members[1:5]:
        liar.liar = lambda request, origin: (
            Answer(tuple(network.crowd(60, rng))) if isinstance(request, FindNode) else None
        )
    evidence = world.do(world.members[0], lambda n: do.Walk(n, Key(99)))
    assert evidence.complete
    true = [c for c in world.live_closest(99, 12) if c != world.members[0].contact]
    assert evidence.closest[0] == true[0]
    assert len({*evidence.closest[:3]} & {*true[:5]}) == 3


def test_one_answer_costs_a_victim_one_packet_of_a_lookup(network: Network) -> None:
    """A hundred ports of one address, each nearer than all honest contacts: one is tried."""
    world = joined(network, 30)
    honest, liar = world.members[:2]
    target = network.policy.space.draw(Random(3))
    lies = tuple(network.contact(target ^ n, VICTIM, 1000 + n) for n in range(1, 101))
    told: list[int] = []

    def lie(request: Request, origin: Origin) -> Response | None:
        if isinstance(request, FindNode):
            told.append(1)
            return Answer(lies)
        return None

    liar.liar = lie
    heard = packets_to(world, honest, VICTIM)
    world.do(honest, lambda n: do.Walk(n, target))
    assert heard.total() <= len(told) <= 1
    # All nodes lie alike, at each request: one packet for each lie is still the most.
    for member in world.members[1:]:
        member.liar = lie
    told.clear()
    heard.clear()
    world.do(honest, lambda n: do.Walk(n, Key(target ^ 1 << 20)))
    assert 0 < heard.total() <= len(told)


def test_contacts_named_across_families_cost_a_victim_one_ping_a_minute() -> None:
    engine = Engine(Key(1), MAINLINE.policy, Random(1))
    rng = Random(2)
    lies = tuple(
        MAINLINE.contact(MAINLINE.policy.space.draw(rng), VICTIM, port) for port in range(1, 129)
    )
    pings: list[Effect] = []
    for answer in range(60):  # one lie a second
        pings += engine.command(do.Learn(lies), float(answer))
        pings += engine.tick(float(answer))
    assert len([ping for ping in pings if isinstance(ping, Call)]) == 1


def test_forged_sources_cost_a_victim_one_ping_beside_the_replies() -> None:
    engine = Engine(Key(1), MAINLINE.policy, Random(1))
    effects: list[Effect] = []
    for port in range(1, 400):
        origin = Origin(Key(port << 100), MAINLINE.endpoint(VICTIM, port), port)
        effects += engine.receive(Ping(), origin, port / 100)
    assert len([effect for effect in effects if isinstance(effect, Call)]) == 1
    assert len([effect for effect in effects if isinstance(effect, Reply)]) == 399
    assert len(engine.table) == 0


def test_a_flood_of_forged_strangers_has_a_bounded_number_of_pings_in_flight() -> None:
    engine = Engine(Key(1), MAINLINE.policy, Random(1))
    calls = 0
    for number in range(20_000):
        origin = Origin(Key(number << 90), MAINLINE.endpoint(20 << 24 | number << 8), number)
        calls += sum(isinstance(e, Call) for e in engine.receive(Ping(), origin, 0.0))
    assert calls == MAX_PINGS
    assert len(engine._strangers._tried) <= 4096


# Sybils.


class Chain:
    """A world in which everybody asked names a Sybil nearer to the target, without end."""

    def __init__(self, network: Network, *, answering: bool) -> None:
        self.network = network
        self.target = Key(0)
        self.answering = answering
        self.next = network.policy.space.bits - 1
        seeds = network.crowd(20, Random(5))
        self.lookup = Lookup(self.target, network.policy, seeds)

    def sybils(self, count: int, rng: Random) -> list[Contact]:
        """``count`` contacts nearer than any before, each in a subnet of its own."""
        made = []
        for _ in range(count):
            self.next = max(self.next - 1, 1)
            key = (1 << self.next) | rng.getrandbits(self.next)
            made.append(self.network.contact(key, rng.getrandbits(31) | 1))
        return made

    def run(self) -> int:
        rng, asked = Random(6), 0
        waiting = self.lookup.next()
        while waiting:
            asked += len(waiting)
            for contact in waiting:
                if self.answering or contact.key.bit_length() > self.next:
                    self.lookup.answered(contact.key, self.sybils(3, rng))
                else:
                    self.lookup.slow(contact.key)
                    self.lookup.failed(contact.key)
            waiting = self.lookup.next()
        return asked


@pytest.mark.parametrize("answering", [True, False])
def test_a_chain_of_sybils_ends(network: Network, answering: bool) -> None:  # noqa: FBT001
    chain = Chain(network, answering=answering)
    began = time.process_time()
    asked = chain.run()
    assert chain.lookup.finished
    assert asked <= request_limit(network.policy.k)
    assert len(chain.lookup._shortlist) <= 20 + 3 * asked
    assert time.process_time() - began < 2.0


def test_an_endless_answer_is_read_in_part(network: Network) -> None:
    """Of 5,000 contacts in one answer the nearest 2k are read, in milliseconds."""
    k = network.policy.k
    crowd = network.crowd(5000, Random(1))
    seed = network.contact(1 << 159, 5 << 24 | 1)
    lookup = Lookup(Key(0), network.policy, [seed])
    assert lookup.next() == [seed]
    began = time.process_time()
    lookup.answered(seed.key, crowd)
    assert time.process_time() - began < 0.5
    assert len(lookup._shortlist) == 1 + ANSWER_LIMIT * k
    nearest = brute_closest(crowd, 0, ANSWER_LIMIT * k)
    assert all(lookup.contact(contact.key) for contact in nearest)


def test_ten_thousand_contacts_of_one_subnet_take_no_more_places_than_the_limit() -> None:
    policy = MAINLINE.policy
    table, rng = RoutingTable(Key(0), policy), Random(2)
    subnet = 77 << 24 | 7 << 16 | 7 << 8
    crowd = [
        MAINLINE.contact(rng.getrandbits(160), subnet | rng.randrange(256), rng.randrange(1, 60000))
        for _ in range(10_000)
    ]
    honest = MAINLINE.crowd(60, Random(3))
    for contact in honest:
        table.answered(contact, 0.01, 0.0)
    before = {*table.contacts()}
    spares = table.statistics().spares
    for contact in crowd:
        table.answered(contact, 0.01, 0.0)
    assert before <= {*table.contacts()}  # nobody who lives had to leave
    assert 1 <= len(table) - len(before) <= policy.per_subnet_table
    waiting = table.statistics().spares - spares
    assert waiting <= policy.per_subnet_bucket * len(table.statistics().buckets)
    # The honest that come later find their places as if the crowd were not there, but for those.
    crowded, alone = RoutingTable(Key(0), policy), RoutingTable(Key(0), policy)
    for contact in crowd:
        crowded.answered(contact, 0.01, 0.0)
    assert 1 <= len(crowded) <= policy.per_subnet_table
    for contact in honest:
        crowded.answered(contact, 0.01, 1.0)
        alone.answered(contact, 0.01, 1.0)
    assert len({*crowded.contacts()} & {*honest}) >= len(alone) - policy.per_subnet_table
    # And in a lookup the whole crowd has the place of one, or one after the other if it is dead.
    lookup = Lookup(Key(0), policy, crowd)
    (only,) = lookup.next()
    assert only == brute_closest(crowd, 0, 1)[0]
    lookup.answered(only.key, [])
    assert lookup.finished
    assert lookup.asked == 1


def test_ten_thousand_contacts_of_one_subnet_get_no_more_pings_than_there_are_addresses() -> None:
    """They ask us: what of it reaches the table is what the limit lets in."""
    engine, rng = Engine(Key(0), MAINLINE.policy, Random(1)), Random(2)
    subnet = 77 << 24 | 7 << 16 | 7 << 8
    pings = 0
    for number in range(10_000):
        endpoint = MAINLINE.endpoint(subnet | rng.randrange(256), rng.randrange(1, 60000))
        origin = Origin(Key(rng.getrandbits(160)), endpoint, number)
        effects = engine.receive(Ping(), origin, number / 1000)
        for call in [effect for effect in effects if isinstance(effect, Call)]:
            pings += 1
            answer = replace(origin, handle=call.id)
            engine.receive(Answer(), answer, number / 1000)
    assert 1 <= len(engine.table) <= MAINLINE.policy.per_subnet_table
    assert pings <= 256


# Answers nobody asked for, and answers in another's name.


def test_guessed_call_numbers_change_nothing() -> None:
    engine = Engine(Key(1), MAINLINE.policy, Random(1))
    contact = MAINLINE.crowd(1, Random(1))[0]
    for guess in (*range(-5, 50), "1", None, 2**70, (1,), b"1"):
        origin = Origin(contact.key, contact.endpoint, guess)
        assert engine.receive(Answer((contact,)), origin, 0.0) == []
        assert engine.receive(Refusal(201, "no"), origin, 0.0) == []
    assert len(engine.table) == 0
    assert engine.timing.mean is None


def test_an_answer_counts_once() -> None:
    engine = Engine(Key(1), MAINLINE.policy, Random(1))
    contact = MAINLINE.crowd(1, Random(1))[0]
    (call,) = engine.command(do.Ask(1, contact.endpoint, Ping()), 0.0)
    assert isinstance(call, Call)
    origin = Origin(contact.key, contact.endpoint, call.id)
    assert engine.receive(Answer(), origin, 0.1)
    assert engine.receive(Answer(), origin, 0.2) == []


def test_every_member_naming_itself_after_another_leaves_the_table_true(network: Network) -> None:
    """Identity theft: contacts that answer with a key that is not theirs lose their place."""
    world = joined(network, 20)
    member = world.members[0]
    stolen = {other.contact.key for other in world.members[1:5]}
    for thief in world.members[5:]:
        real = thief.contact
        thief.contact = Contact(min(stolen), real.endpoint)
    world.do(member, lambda n: do.Walk(n, Key(5)))
    held = {contact.key: contact.endpoint for contact in member.engine.table.contacts()}
    true = {other.contact.key: other.contact.endpoint for other in world.members[:5]}
    assert all(held[key] == true[key] for key in stolen if key in held)
