"""What we answer, request by request."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from dht.core.messages import (
    Announce,
    Answer,
    FindNode,
    Get,
    Origin,
    Ping,
    Provider,
    Providers,
    Put,
    Refusal,
    Request,
    Response,
    Sample,
    Samples,
    Scrape,
)
from dht.core.providers import ProviderStore
from dht.core.records import RecordStore
from dht.core.service import MAX_SCRAPES, SCRAPE_SECONDS, Outcome, Service
from dht.core.table import RoutingTable
from tests.strategies import AMINO, MAINLINE, Network, brute_closest


class House:
    """A service and what it serves from."""

    def __init__(self, network: Network = MAINLINE, **changes: object) -> None:
        self.policy = replace(network.policy, **changes)  # type: ignore[arg-type]
        self.network = network
        rng = Random(1)
        own = self.policy.space.draw(rng)
        self.table = RoutingTable(own, self.policy)
        self.records = RecordStore(own, self.policy)
        self.providers = ProviderStore(own, self.policy)
        self.service = Service(self.table, self.records, self.providers, self.policy, rng)
        for contact in network.crowd(100, rng):
            self.table.answered(contact, 0.1, 0.0)

    def ask(self, request: Request, now: float = 0.0) -> Response:
        return self.respond(request, now)[0]

    def respond(self, request: Request, now: float = 0.0, number: int = 127 << 24 | 9) -> Outcome:
        """Ask from the address ``number``."""
        origin = Origin(None, self.network.endpoint(number), "h")
        return self.service.doors[type(request)](self.service, request, origin, now)

    def answer(self, request: Request, now: float = 0.0) -> Answer:
        response = self.ask(request, now)
        assert isinstance(response, Answer)
        return response


def test_a_ping_is_answered() -> None:
    assert House().ask(Ping()) == Answer()


def test_find_node_answers_the_k_closest() -> None:
    for network in (MAINLINE, AMINO):
        house = House(network)
        for seed in range(50):
            target = house.policy.space.draw(Random(seed))
            closer = house.answer(FindNode(target)).closer
            assert set(closer) == set(brute_closest(house.table.contacts(), target, house.policy.k))


def test_families_are_answered_as_wanted() -> None:
    house, other = House(family="n4"), House(family="n6")
    house.service.relatives["n6"] = other.table
    target = house.policy.space.draw(Random(3))
    ours, theirs = house.table.closest(target, 8), other.table.closest(target, 8)
    assert house.answer(FindNode(target)).closer == ours
    assert house.answer(FindNode(target, frozenset({"n4"}))).closer == ours
    assert house.answer(FindNode(target, frozenset({"n6"}))).closer == theirs
    assert house.answer(FindNode(target, frozenset({"n4", "n6"}))).closer == ours + theirs
    assert house.answer(FindNode(target, frozenset({"n9"}))).closer == ()


def test_get_tells_only_the_version_to_those_who_have_it() -> None:
    house = House()
    record = house.network.records.signed(b"v", 3)
    house.records.put(record, 0.0)
    assert house.answer(Get(record.key)).record == record
    assert house.answer(Get(record.key, min_seq=2)).record == record
    known = house.answer(Get(record.key, min_seq=3))
    assert (known.record, known.seq) == (None, 3)
    assert known.ticket is not None


def test_a_network_without_tickets_gives_none_and_needs_none() -> None:
    house = House(AMINO)
    record = house.network.records.immutable(b"v")
    assert house.answer(Get(record.key)).ticket is None
    response, changes = house.respond(Put(record))
    assert response == Answer()
    assert changes
    assert house.answer(Providers(record.key)).ticket is None


def test_announcing_needs_a_ticket_and_room() -> None:
    house = House(max_providers_per_key=2)
    key = house.policy.space.draw(Random(5))
    ticket = house.answer(Providers(key)).ticket
    for number, code in ((1, None), (2, None), (3, 202)):
        provider = Provider((f"10.0.{number}.1", 1))
        response, changes = house.respond(Announce(key, provider, ticket))
        assert bool(changes) == (code is None)
        assert isinstance(response, Answer) == (code is None)
    assert house.answer(Providers(key)).ticket is None  # full: an announce would be refused
    assert len(house.answer(Providers(key)).providers) == 2
    for bad in (None, b"", b"guess"):
        refusal = house.ask(Announce(key, Provider(("10.9.0.1", 1)), bad))
        assert isinstance(refusal, Refusal)
        assert refusal.code == 203


def test_bep44_refusals_store_nothing() -> None:
    house = House()
    records = house.network.records
    held = records.signed(b"new", 5)
    house.records.put(held, 0.0)
    forged = replace(records.signed(b"forged", 6), signature=b"x")
    cases = [
        (Put(records.immutable(b"x" * 1001)), 205),
        (Put(forged), 206),
        (Put(records.signed(b"v", 6, salt=b"s" * 65)), 207),
        (Put(records.signed(b"v", 6), cas=4), 301),
        (Put(records.signed(b"old", 4)), 302),
    ]
    for put, code in cases:
        ticket = house.answer(Get(put.record.key)).ticket
        refusal = house.ask(replace(put, ticket=ticket))
        assert isinstance(refusal, Refusal)
        assert refusal.code == code
        assert house.records.get(put.record.key) in (None, held)


def test_a_full_store_says_busy_to_what_is_worse_than_all_it_has() -> None:
    house = House(AMINO, max_records=3)
    responses = [house.ask(Put(house.network.records.immutable(bytes([n])))) for n in range(40)]
    refusals = [r for r in responses if isinstance(r, Refusal)]
    assert refusals
    assert {r.code for r in refusals} == {202}
    assert len(house.records) == 3


def test_a_scrape_is_made_at_most_every_ten_seconds() -> None:
    house = House()
    key = house.policy.space.draw(Random(5))
    assert house.answer(Providers(key, scrape=True)).extra is None
    house.providers.add(key, Provider(("10.0.0.1", 1), seed=True), 0.0)
    first = house.answer(Providers(key, scrape=True), 0.0).extra
    assert isinstance(first, Scrape)
    house.providers.add(key, Provider(("10.0.0.2", 1)), 0.0)
    assert house.answer(Providers(key, scrape=True), SCRAPE_SECONDS - 1).extra == first
    assert house.answer(Providers(key, scrape=True), SCRAPE_SECONDS).extra != first
    assert house.answer(Providers(key)).extra is None


def test_scrapes_remembered_are_bounded() -> None:
    house = House()
    for seed in range(MAX_SCRAPES + 10):
        key = house.policy.space.draw(Random(seed))
        house.providers.add(key, Provider(("10.0.0.1", 1)), 0.0)
        house.answer(Providers(key, scrape=True))
    assert len(house.service._scrapes) <= MAX_SCRAPES


def test_a_network_without_summaries_gives_none() -> None:
    house = House(AMINO)
    key = house.policy.space.draw(Random(5))
    house.providers.add(key, Provider(AMINO.endpoint(1 << 24)), 0.0)
    assert house.answer(Providers(key, scrape=True)).extra is None


def test_a_sample_names_keys_and_contacts() -> None:
    house = House()
    key = house.policy.space.draw(Random(5))
    house.providers.add(key, Provider(("10.0.0.1", 1)), 0.0)
    answer = house.answer(Sample(key))
    assert isinstance(answer.extra, Samples)
    assert answer.extra.keys == (key,)
    assert answer.extra.total == 1
    assert len(answer.closer) == 8


def test_who_is_on_a_full_list_gets_a_ticket_and_renews() -> None:
    house = House(max_providers_per_key=3)
    key = house.policy.space.draw(Random(5))
    for number in range(3):
        house.providers.add(key, Provider((f"10.0.{number}.1", 1)), 0.0)
    listed, newcomer = ((10 << 24 | host << 8 | 1) for host in (1, 9))
    (refused, _) = house.respond(Providers(key), 100.0, newcomer)
    assert isinstance(refused, Answer)
    assert refused.ticket is None
    (answer, _) = house.respond(Providers(key), 100.0, listed)
    assert isinstance(answer, Answer)
    announce = Announce(key, Provider(("10.0.1.1", 1)), answer.ticket)
    assert house.respond(announce, 100.0, listed)[0] == Answer()
    house.providers.expire(house.policy.provider_lifetime + 1)
    assert house.providers.all(key) == (Provider(("10.0.1.1", 1)),)


def test_one_subnet_cannot_wash_out_the_records_of_others() -> None:
    house = House(tickets=None, max_records=32)
    records = house.network.records
    others = [records.immutable(b"other %d" % n) for n in range(16)]
    for number, record in enumerate(others):
        house.respond(Put(record), 0.0, 20 << 24 | number << 16)
    for number in range(500):
        house.respond(Put(records.immutable(b"flood %d" % number)), 1.0, 10 << 24 | number % 250)
    assert len(house.records) == 32
    assert all(house.records.get(record.key) == record for record in others)


def test_a_disk_that_is_behind_turns_writers_away_before_anything_changes() -> None:
    house = House(tickets=None)
    record = house.network.records.immutable(b"v")
    house.service.behind = True
    for request in (Put(record), Announce(record.key, Provider(("10.0.0.1", 1)))):
        response, changes = house.respond(request)
        assert isinstance(response, Refusal)
        assert (response.code, changes) == (202, ())
    assert (len(house.records), len(house.providers)) == (0, 0)
