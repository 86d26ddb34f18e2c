"""Operations of the demonstration, each of which tells whether it did what it should.

A trial runs on two nodes drawn from those that live, so that over many of them every table is
asked, and those that still list the dead are not spared. Clocks start before the operation and
stop after it, on the user's side: what an event loop shared by fifty nodes adds is counted.
"""

from __future__ import annotations

import hashlib
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

import trio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dht.errors import DhtError, NotFound

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from random import Random

    from dht.core.effects import Evidence
    from dht.node.node import Node
    from dht.testing import Testnet

PATIENCE: Final = 10.0
"""Seconds after which an operation counts as failed."""

SPACING: Final = 0.06
"""Seconds between the beginnings of two rounds: in a healthy network one takes half of that."""


class WrongError(Exception):
    """An operation ended, and not with what it should have ended with."""


@dataclass(slots=True)
class Series:
    """The outcomes of one operation, repeated.

    Attributes:
        name: What was done.
        seconds: How long it took each time that it succeeded.
        requests: How many requests that took, all together.
        failures: Why it failed, when it did.
    """

    name: str
    seconds: list[float] = field(default_factory=list)
    requests: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def runs(self) -> int:
        """How often it was tried."""
        return len(self.seconds) + len(self.failures)

    @property
    def requests_each(self) -> float:
        """Requests for each success."""
        return self.requests / len(self.seconds) if self.seconds else math.nan

    def quantile(self, share: float) -> float:
        """The time within which this share of the successes was done (nearest rank)."""
        if not self.seconds:
            return math.nan
        return sorted(self.seconds)[max(0, math.ceil(share * len(self.seconds)) - 1)]


Trial: TypeAlias = "Callable[[Pair], Awaitable[Evidence]]"


@dataclass(slots=True)
class Pair:
    """Who acts in a round: one who writes, another who reads, and what was written so far.

    Attributes:
        signer: The key of the name that the writer updates.
        text: What the writer writes: new in each round.
    """

    writer: Node
    reader: Node
    rng: Random
    signer: Ed25519PrivateKey
    text: bytes

    @classmethod
    def draw(cls, net: Testnet) -> Pair:
        """Draw two that live."""
        rng = net.rng
        writer, reader = rng.sample(net.nodes, 2)
        signer = Ed25519PrivateKey.from_private_bytes(rng.randbytes(32))
        return cls(writer, reader, rng, signer, rng.randbytes(20).hex().encode())

    @property
    def key(self) -> bytes:
        """Under which the text is stored: the hash of its bencoding (BEP 44)."""
        bencoded = b"%d:%b" % (len(self.text), self.text)
        return hashlib.sha1(bencoded, usedforsecurity=False).digest()

    @property
    def infohash(self) -> bytes:
        """Some content that the writer provides."""
        return hashlib.sha1(self.text, usedforsecurity=False).digest()


async def put(pair: Pair) -> Evidence:
    """Store a value."""
    return (await pair.writer.put(pair.text)).evidence


async def get(pair: Pair) -> Evidence:
    """Read it, from another node."""
    found = await pair.reader.get(pair.key)
    expect(found.value == pair.text, "the value", found.value)
    return found.evidence


async def miss(pair: Pair) -> Evidence:
    """Look for what nobody has, until that is certain."""
    try:
        found = await pair.reader.get(pair.rng.randbytes(20))
    except NotFound as absent:
        expect(absent.evidence.complete, "the proof of absence", absent.evidence)
        return absent.evidence
    raise WrongError(f"found what nobody stored: {found.value!r}")


async def publish(pair: Pair) -> Evidence:
    """Sign a new version of a name, and store it."""
    return (await pair.writer.publish(pair.signer, pair.text, seq=1)).evidence


async def resolve(pair: Pair) -> Evidence:
    """Read the newest version of the name."""
    found = await pair.reader.resolve(pair.signer.public_key().public_bytes_raw())
    expect(found.value == pair.text, "the newest version", found.value)
    return found.evidence


async def provide(pair: Pair) -> Evidence:
    """Announce some content."""
    return (await pair.writer.provide(pair.infohash, 8080)).evidence


async def find(pair: Pair) -> Evidence:
    """Ask everybody near who provides it."""
    finding = pair.reader.find_providers(pair.infohash)
    found = {provider.endpoint async for provider in finding}
    expect(found == {(pair.writer.addresses[0][0], 8080)}, "the provider", found)
    return finding.evidence


TRIALS: Final[dict[str, Trial]] = {
    "put a value": put,
    "get it": get,
    "prove absence": miss,
    "publish a name": publish,
    "read the name": resolve,
    "provide a CID": provide,
    "find providers": find,
}
"""In the order in which a round does them: each finds what the one before it stored."""


def expect(holds: object, what: str, got: object) -> None:
    """Insist.

    Raises:
        WrongError: It does not hold.
    """
    if not holds:
        raise WrongError(f"{what} is not what it should be: {got!r}")


async def measure(
    net: Testnet, rounds: int, moved: Callable[[int], None] | None = None
) -> list[Series]:
    """Do every trial ``rounds`` times, on pairs of nodes drawn anew for each round.

    A round begins every ``SPACING`` seconds, whatever became of the one before it, as users come:
    were it to wait, one slow operation would keep the following ones from being slow as well.
    """
    table = {name: Series(name) for name in TRIALS}
    finished = 0

    async def play(pair: Pair) -> None:
        nonlocal finished
        for name, trial in TRIALS.items():
            await attempt(table[name], trial, pair)
        finished += 1
        if moved is not None:
            moved(finished)

    async with trio.open_nursery() as nursery:
        for _ in range(rounds):
            nursery.start_soon(play, Pair.draw(net))
            await trio.sleep(SPACING)
    return list(table.values())


async def attempt(series: Series, trial: Trial, pair: Pair) -> None:
    """Do a trial once, and note what came of it."""
    begun = time.perf_counter()
    try:
        with trio.fail_after(PATIENCE):
            evidence = await trial(pair)
    except (DhtError, WrongError, trio.TooSlowError) as error:
        series.failures.append(str(error) or f"not done within {PATIENCE:g} s")
    else:
        series.seconds.append(time.perf_counter() - begun)
        series.requests += evidence.requests
