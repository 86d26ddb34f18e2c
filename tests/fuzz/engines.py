"""A whole node, short of its socket, under mutated packets: ``python -m tests.fuzz.engines``.

The dialect's own fuzzer (:mod:`tests.fuzz.packets`) ends where a message is understood. Here the
engine takes it from there: mutants of queries with valid tickets reach the stores, mutants of
answers to the node's own calls reach lookups, publications and the table. Between packets the
clock goes on, so that timeouts pass and upkeep runs, and operations are begun all the time. Some
peers answer with another's key, some not at all.

After every packet each reply keeps to its limit; every now and then everything that could grow is
counted; and at the end every operation that was begun has ended.
"""

from __future__ import annotations

from collections import Counter, deque
from random import Random
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dht.core import commands as do
from dht.core.effects import Call, Cancel, Finished, Persist, Reply
from dht.core.engine import Engine
from dht.core.messages import (
    Announce,
    Answer,
    Contact,
    FindNode,
    Get,
    Origin,
    Ping,
    Provider,
    Providers,
    Put,
    Sample,
    Samples,
)
from dht.mainline.items import immutable_record, sign_record
from dht.mainline.krpc import Incoming, Krpc, Rejected
from dht.mainline.policy import mainline_policy
from dht.mainline.tickets import MainlineTickets
from tests.fuzz.packets import ODDITIES, mutants
from tests.fuzzing import Outcomes, main, throw

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dht.core.effects import Effect
    from dht.core.messages import Request, Response

SMALL: Final = {
    "max_records": 64,
    "max_provided_keys": 32,
    "max_providers_per_key": 16,
    "max_providers_total": 128,
    "questionable_after": 30.0,
    "refresh_every": 30.0,
    "record_lifetime": 60.0,
    "provider_lifetime": 40.0,
    "replicate_every": 25.0,
    "republish_every": 20.0,
    "reprovide_every": 20.0,
}
"""Small bounds and short lives, so that a run of seconds passes every one of them."""

SIGNER: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
EVERY: Final = 300
"""Packets between two operations, and between two counts."""
STEP: Final = 0.004
"""Seconds between packets: 250 a second."""


class Besieged(Outcomes):
    """One node, and the hand that writes everybody's packets to it."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.rng = Random(seed)
        self.tickets = MainlineTickets(self.rng)
        policy = mainline_policy(family="ipv4", tickets=self.tickets, **SMALL)
        self.policy = policy
        self.engine = Engine(policy.space.draw(self.rng), policy, self.rng)
        self.engine.verifications = None
        self.dialect = Krpc(self.engine.own, self.rng, family="ipv4", policy=policy)
        self.peer = Krpc(policy.space.draw(self.rng), self.rng, family="ipv4", policy=policy)
        self.people = [self.person(index) for index in range(300)]
        self.keys = [policy.space.draw(self.rng) for _ in range(50)]
        self.asked: deque[tuple[bytes, tuple[str, int]]] = deque(maxlen=256)
        self.source = ("127.0.0.1", 1)
        self.now = 100.0
        self.begun: set[int] = set()
        self.ended: list[int] = []
        self.numbers = 0

    def person(self, index: int) -> Contact:
        host = f"127.{index % 40}.{index % 7}.{index % 5 + 1}"
        return Contact(self.policy.space.draw(self.rng), (host, 1000 + index))

    def next_number(self) -> int:
        self.numbers += 1
        return self.numbers

    # What others send.

    def packets(self) -> Iterator[bytes]:
        """Good packets without end: queries, and answers to what the node asked."""
        while True:
            yield self.query()
            while self.asked and self.rng.random() < 0.6:
                yield self.answer(*self.asked.popleft())
            if self.rng.random() < 0.02:
                yield self.rng.choice(ODDITIES)

    def query(self) -> bytes:
        """A query that the node would do what it asks for."""
        who = self.rng.choice(self.people)
        self.source = who.endpoint  # type: ignore[assignment]
        self.peer.own = who.key
        number = self.next_number()
        data = self.peer.encode_call(Call(number, ("127.0.0.1", 6881), self.request(who)))
        self.peer.forget(number)
        assert data is not None
        return data

    def request(self, who: Contact) -> Request:
        rng, key = self.rng, self.rng.choice(self.keys)
        salt = bytes(rng.randrange(3))
        value = b"i%de" % rng.randrange(100)
        record = rng.choice(
            [immutable_record(value), sign_record(SIGNER, value, rng.randrange(9), salt)]
        )
        ticket = lambda key: self.tickets.mint(Origin(None, who.endpoint, 0), key, self.now)  # noqa: E731
        return rng.choice(
            [
                Ping(),
                FindNode(key, frozenset({"ipv4", "ipv6"})),
                Get(record.key),
                Providers(key, scrape=True),
                Sample(key),
                Put(record, ticket(record.key), rng.choice([None, 1])),
                Announce(key, Provider(("0.0.0.0", rng.randrange(1, 9))), ticket(key)),
            ]
        )

    def answer(self, query: bytes, to: tuple[str, int]) -> bytes:
        """The answer of the one who was asked, or an answer in another's name."""
        self.source = to
        known = next((who for who in self.people if who.endpoint == to), self.people[0])
        self.peer.own = known.key if self.rng.random() < 0.95 else self.people[1].key
        incoming = self.peer.decode_untrusted(query, ("127.0.0.1", 6881))
        assert isinstance(incoming, Incoming)
        closer = tuple(self.rng.sample(self.people, 8))
        answer: Response = Answer(closer, ticket=b"12345678")
        match incoming.message:
            case Get(key):
                record = sign_record(SIGNER, b"i7e", self.rng.randrange(9), b"")
                answer = Answer(closer, record if record.key == key else None, None, (), b"tick")
            case Providers():
                answer = Answer(closer, providers=(Provider(to),), ticket=b"12345678")
            case Sample():
                answer = Answer(closer, extra=Samples((self.keys[0],), 1, 5.0))
        return self.peer.encode_reply(incoming.origin.handle, answer)[0]

    # What the node does.

    def receive(self, data: bytes) -> str:
        """Give the node one packet, let time pass, and look after it."""
        self.now += STEP
        got = self.dialect.decode_untrusted(data, self.source)
        outcome = "nothing"
        if isinstance(got, Rejected):
            self.check(got.data, 400)
            outcome = "rejected"
        elif isinstance(got, Incoming):
            outcome = type(got.message).__name__
            self.perform(self.engine.receive(got.message, got.origin, self.now))
        if self.engine.next_deadline() <= self.now:
            self.perform(self.engine.tick(self.now))
        self.numbers += 1
        if self.numbers % EVERY < 2:
            self.perform(self.engine.command(self.command(), self.now))
            self.count()
        self.note(outcome)
        return outcome

    def perform(self, effects: Iterable[Effect]) -> None:
        """Do what the engine wants done, as a shell does."""
        for effect in effects:
            match effect:
                case Reply(handle, response):
                    data, _ = self.dialect.encode_reply(handle, response)
                    record = isinstance(response, Answer) and response.record is not None
                    self.check(data, 1400 if record else 1024)
                case Call(number, to):
                    query = self.dialect.encode_call(effect)
                    if query is None:
                        self.perform(self.engine.failed(number, "no way", self.now))
                    else:
                        self.asked.append((query, to))  # type: ignore[arg-type]
                case Cancel(number):
                    self.dialect.forget(number)
                case Persist(number):
                    self.perform(self.engine.persisted(number, self.now))
                case Finished(operation):
                    self.ended.append(operation)

    def command(self) -> do.Command:
        """Begin an operation."""
        number, key = self.next_number(), self.rng.choice(self.keys)
        self.begun.add(number)
        gates = tuple(who.endpoint for who in self.rng.sample(self.people, 3))
        record = sign_record(SIGNER, b"i7e", self.rng.randrange(9))
        return self.rng.choice(
            [
                do.Bootstrap(number, gates),
                do.Walk(number, key, paths=self.rng.choice((1, 3))),
                do.Retrieve(number, record.key),
                do.Publish(number, record),
                do.Publish(number, record, region=2),
                do.Provide(number, key, Provider(("0.0.0.0", 0))),
                do.Locate(number, key, scrape=True),
                do.Survey(number, key),
                do.Ask(number, gates[0], Ping()),
            ]
        )

    @staticmethod
    def check(data: bytes, most: int) -> None:
        assert len(data) <= most, data

    def count(self) -> None:
        """Nothing has grown beyond its bound."""
        engine = self.engine
        assert len(engine.records) <= SMALL["max_records"]
        assert len(engine.providers) <= SMALL["max_provided_keys"]
        assert engine.providers.statistics().providers <= SMALL["max_providers_total"]
        assert 0 <= engine._strangers._pings <= 32
        assert len(engine._calls._agenda) <= 2000
        assert len(self.dialect._transactions) == len(engine._calls)
        assert not engine._unwritten
        hosts = Counter(contact.endpoint[0] for contact in engine.table.contacts())  # type: ignore[index]
        assert max(hosts.values(), default=1) == 1

    def come_to_rest(self) -> None:
        """With nobody left to answer, everything that was begun ends, exactly once."""
        for _ in range(2000):
            self.now = max(self.now, min(self.engine.next_deadline(), self.now + 5))
            self.perform(self.engine.tick(self.now))
        assert sorted(self.ended) == sorted(self.begun)
        self.count()


def run(count: int, seed: int) -> Besieged:
    """Throw ``count`` mutants at a new node."""
    node = Besieged(seed)
    throw(node, mutants(node, Random(seed)), count, seed)  # type: ignore[arg-type]
    node.come_to_rest()
    return node


if __name__ == "__main__":
    raise SystemExit(main(__doc__, run))
