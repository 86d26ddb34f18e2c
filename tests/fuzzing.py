"""What all fuzzers share: a storm from one seed, who falls in it, and the command line.

The fuzzers themselves are the modules of ``tests/fuzz`` (``make fuzz`` runs each of them), so this
one is kept apart.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections import Counter
from contextlib import contextmanager
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final, Protocol

from tests.damage import MUTATIONS, WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SLOW_S: Final = 0.5
"""Seconds of the processor. Nothing may take longer; ordinary ones take 20 to 100 µs, the worst
some ms."""


Subject = tuple["Callable[[bytes], str]", list[bytes]]
"""A decoder that names what came of some bytes, and good bytes to damage for it."""


class Outcomes:
    """What a fuzzer's run leaves behind.

    Attributes:
        outcomes: What came of all that was thrown.
        witness: A hash of all that was seen, which depends on nothing but count and seed.
    """

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.witness = hashlib.sha256()

    def note(self, outcome: str) -> None:
        self.outcomes[outcome] += 1
        self.witness.update(outcome.encode())


class Target(Protocol):
    """What packets are thrown at.

    Attributes:
        source: Whom the last packet seemed to come from.
    """

    source: object

    def receive(self, data: bytes) -> object: ...


@contextmanager
def named(seed: int, tell: Callable[[], str]) -> Iterator[None]:
    """Throw something: ``tell`` says what it was, if an exception escapes or it takes too long."""
    started = time.process_time()
    try:
        yield
    except BaseException:
        print(f"seed {seed}: {tell()}", file=sys.stderr)
        raise
    if time.process_time() - started > SLOW_S:
        raise AssertionError(f"seed {seed}: too slow: {tell()}")


def throw(target: Target, packets: Iterator[bytes], count: int, seed: int) -> None:
    """Throw so many packets."""
    data = b""

    def tell() -> str:
        return f"the packet was {data!r} from {target.source}"

    for _ in range(count):
        data = next(packets)
        with named(seed, tell):
            target.receive(data)


def mutants(
    subjects: Sequence[Subject], rng: Random
) -> Iterator[tuple[Callable[[bytes], str], bytes]]:
    """Damaged inputs, without end, each with the decoder it is meant for."""
    while True:
        decoder, good = rng.choice(subjects)
        data, other = rng.choice(good), rng.choice(good)
        for mutate in rng.choices(MUTATIONS, WEIGHTS, k=rng.choice((0, 1, 1, 2, 3, 4))):
            data = mutate(data, rng, other)[: 1 << 16] or b"d"
        yield decoder, data


def throw_at(subjects: Sequence[Subject], count: int, seed: int) -> Outcomes:
    """Throw so many mutants at decoders that have no state."""
    outcomes, stream = Outcomes(), mutants(subjects, Random(seed))
    for _ in range(count):
        decoder, data = next(stream)
        with named(seed, partial("{0.__name__} was given {1!r}".format, decoder, data)):
            outcomes.note(f"{decoder.__name__}: {decoder(data)}")
    return outcomes


def main(
    what: str | None, run: Callable[[int, int], Outcomes], argv: Sequence[str] | None = None
) -> int:
    """Be the command line of the fuzzer ``run``, whose module's docstring is ``what``."""
    parser = argparse.ArgumentParser(description=(what or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    started = time.perf_counter()
    ran = run(options.count, options.seed)
    took = time.perf_counter() - started
    for outcome, times in ran.outcomes.most_common():
        print(f"{times:9} {outcome}")
    digest = ran.witness.hexdigest()[:16]
    print(f"{options.count} thrown, seed {options.seed}, {took:.1f} s: none escaped; {digest}")
    return 0
