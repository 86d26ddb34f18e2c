"""What all fuzzers share: a storm of packets from one seed, and the command line around it.

The fuzzers themselves are the modules of ``tests/fuzz`` (``make fuzz`` runs each of them), so this
one is kept apart.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator, Sequence

SLOW_S: Final = 0.5
"""No packet may take longer; ordinary ones take 20 to 100 µs, the worst some ms."""


class Target(Protocol):
    """What packets are thrown at.

    Attributes:
        outcomes: What came of them.
        witness: A hash of all that was seen, which depends on nothing but count and seed.
        source: Whom the last packet seemed to come from.
    """

    outcomes: Counter[str]
    witness: Any
    source: object

    def receive(self, data: bytes) -> object: ...


def throw(target: Target, packets: Iterator[bytes], count: int, seed: int) -> None:
    """Throw so many; the first that lets an exception out, or takes too long, is named."""
    for _ in range(count):
        data = next(packets)
        started = time.process_time()
        try:
            target.receive(data)
        except BaseException:
            print(f"seed {seed}: the packet was {data!r} from {target.source}", file=sys.stderr)
            raise
        if time.process_time() - started > SLOW_S:
            raise AssertionError(f"seed {seed}: too slow: {data!r}")


def main(
    what: str | None, run: Callable[[int, int], Target], argv: Sequence[str] | None = None
) -> int:
    """Be the command line of the fuzzer ``run``, whose module's docstring is ``what``."""
    parser = argparse.ArgumentParser(description=(what or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    started = time.perf_counter()
    target = run(options.count, options.seed)
    took = time.perf_counter() - started
    for outcome, times in target.outcomes.most_common():
        print(f"{times:9} {outcome}")
    digest = target.witness.hexdigest()[:16]
    print(f"{options.count} packets, seed {options.seed}, {took:.1f} s: none escaped; {digest}")
    return 0
