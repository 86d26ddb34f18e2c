"""Floods of writes that are all in order, against the engine, and liars about versions."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from dht.core import commands as do
from dht.core.effects import Reply
from dht.core.engine import Engine
from dht.core.keys import Key
from dht.core.messages import (
    Announce,
    Answer,
    Get,
    Origin,
    Ping,
    Provider,
    Providers,
    Put,
    Refusal,
)
from tests.dht.core.engine_world import joined
from tests.strategies import MAINLINE, Network

if TYPE_CHECKING:
    from dht.core.effects import Effect


def ticket_of(effects: list[Effect]) -> bytes | None:
    (reply,) = [e for e in effects if isinstance(e, Reply)]
    assert isinstance(reply.response, Answer)
    return reply.response.ticket


def test_a_flood_of_writes_with_valid_tickets_keeps_to_the_limits() -> None:
    limits = {
        "max_records": 50,
        "max_provided_keys": 20,
        "max_providers_per_key": 10,
        "max_providers_total": 100,
    }
    policy = replace(MAINLINE.policy, **limits)  # type: ignore[arg-type]
    engine, rng = Engine(Key(0), policy, Random(1)), Random(2)
    for number in range(4000):
        now, endpoint = number / 100, MAINLINE.endpoint(20 << 24 | rng.getrandbits(24), 1 + number)
        record = MAINLINE.records.signed(b"%d" % number, 1, b"signer %d" % number)
        origin = Origin(None, endpoint, number)
        for read, write in (
            (Get(record.key), Put(record)),
            (Providers(record.key), Announce(Key(number % 97 << 150), Provider(endpoint))),
        ):
            key = record.key if isinstance(write, Put) else write.key
            ticket = ticket_of(engine.receive(replace(read, key=key), origin, now))
            effects = engine.receive(replace(write, ticket=ticket), origin, now)
            for effect in effects:
                engine.persisted(getattr(effect, "id", 0), now)
    assert len(engine.records) == 50
    assert 10 <= len(engine.providers) <= 20
    assert 80 <= engine.providers.statistics().providers <= 100
    assert engine.records.statistics().octets < 50 * 1000
    assert not engine._unwritten


def test_forged_signatures_cost_no_more_than_their_budget() -> None:
    """A thousand forgeries between two refills: ten are looked at, all else is served."""
    checked = 0

    class Counting:
        """The network's rules, counting what is expensive."""

        def __getattr__(self, name: str) -> object:
            return getattr(MAINLINE.records, name)

        def verify(self, record: object) -> Refusal | None:
            nonlocal checked
            checked += 1
            return Refusal(206, "bad signature")

    policy = replace(MAINLINE.policy, tickets=None, records=Counting())  # type: ignore[arg-type]
    engine = Engine(Key(0), policy, Random(1))
    engine.verifications = 10
    codes: Counter[int] = Counter()
    for number in range(1000):
        record = MAINLINE.records.signed(b"v", 1, b"signer %d" % number)
        origin = Origin(None, MAINLINE.endpoint(20 << 24 | number), number)
        (put, ping) = (engine.receive(each, origin, 0.0) for each in (Put(record), Ping()))
        codes[put[0].response.code] += 1  # type: ignore[union-attr]
        assert ping == [Reply(number, Answer())]
    assert checked == 10
    assert codes == {206: 10, 202: 990}
    assert len(engine.records) == 0


def test_liars_who_claim_to_hold_newer_versions_do_not_stop_a_publication(
    network: Network,
) -> None:
    world = joined(network, 40)
    record = network.records.signed(b"mine", 5)
    closest = {contact.key for contact in world.live_closest(record.key, 3)}
    forged = replace(record, seq=2**40, signature=b"forged")
    for member in world.members[1:]:
        if member.contact.key in closest:
            member.liar = lambda request, origin: (
                Answer(record=forged, seq=2**40, ticket=b"t") if isinstance(request, Get) else None
            )
    evidence = world.do(world.members[0], lambda n: do.Publish(n, record))
    honest = [h for h in evidence.holders if h.key not in closest]
    assert len(honest) >= network.policy.k - 3
