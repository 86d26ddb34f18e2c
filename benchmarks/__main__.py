"""Runs the benchmarks and prints their table: ``python -m benchmarks [--smoke] [SECTION ...]``.

Exits with 1 if a promise was missed. With ``--smoke`` all but :data:`LONG` runs for a moment only,
to show that it still does; its figures mean nothing and are not judged.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

from benchmarks import (
    flood,
    footprint,
    gateway,
    git,
    hashing,
    networks,
    offload,
    seedbox,
    swarm,
    transfer,
)
from benchmarks.machine import describe
from benchmarks.report import Row, table

if TYPE_CHECKING:
    from collections.abc import Iterator

SECTIONS = (
    "flood",
    "networks",
    "footprint",
    "hashing",
    "transfer",
    "seedbox",
    "swarm",
    "gateway",
    "git",
    "offload",
    "sim_protocol",
    "sim_message",
    "sim_lookup",
    "sim_swarm",
    "sim_agreement",
)

LONG = ("offload", "sim_agreement")
"""Sections that take long even for a moment, of parts that others have tried. `--smoke` runs them
only if they are named."""


def sections(
    chosen: list[str], *, smoke: bool, large: bool = False
) -> Iterator[tuple[str, list[Row]]]:
    """Run what was chosen; titles and rows, as they are ready."""
    memory: list[Row] = []
    if "flood" in chosen:
        yield "(a) One node flooded, 250 neighbours, window 128", flood.run(smoke=smoke)
    if "networks" in chosen:
        plan = networks.SMOKE if smoke else networks.FULL
        healthy, memory = networks.healthy(plan)
        yield f"(b) {plan.nodes} nodes in one process", healthy
        yield "(c) Dead nodes still in the tables, k = 8", networks.dead(plan, smoke=smoke)
    if "footprint" in chosen or memory:
        weight = footprint.run(smoke=smoke) if "footprint" in chosen else []
        yield "(d) Weight", [*weight, *memory]
    if "hashing" in chosen:
        yield "(e) Making torrents and checking them", hashing.run(smoke=smoke)
    if "transfer" in chosen:
        yield "(f) A torrent of 1 GiB, pieces of 1 MiB, loopback", transfer.run(smoke=smoke)
    if "seedbox" in chosen:
        yield "(g) A seedbox", seedbox.run(smoke=smoke)
    if "swarm" in chosen:
        title = "(h) A swarm: uplinks of 2 to 20 Mbit/s, 30 ms each way, arrivals within a minute"
        yield title, swarm.run(smoke=smoke)
    yield from distributed(chosen, smoke=smoke)
    yield from simulated(chosen, smoke=smoke, large=large)


def distributed(chosen: list[str], *, smoke: bool) -> Iterator[tuple[str, list[Row]]]:
    """Sites and repositories."""
    if "gateway" in chosen:
        yield "(i) The gateway, warm", gateway.run(smoke=smoke)
    if "git" in chosen:
        yield "(j) A repository from peers, beside git daemon", git.run(smoke=smoke)
    if "offload" in chosen:
        title = "(p) Offload: an origin of 20 Mbit/s and its peers, 30 ms each way"
        yield title, offload.run(smoke=smoke)


def simulated(chosen: list[str], *, smoke: bool, large: bool) -> Iterator[tuple[str, list[Row]]]:
    """The simulator's sections; their modules need numpy and numba, which the others do without."""
    if "sim_protocol" in chosen:
        from benchmarks import sim_protocol

        yield "(k) Simulated: engines of dht.core on a virtual clock", sim_protocol.run(smoke=smoke)
    if "sim_message" in chosen:
        from benchmarks import sim_message

        title = "(l) Simulated: networks under churn, every message an event"
        yield title, sim_message.run(smoke=smoke, long=large)
    if "sim_lookup" in chosen:
        from benchmarks import sim_lookup

        title = "(m) Simulated: lookups on whole networks, k = 20, alpha = 3"
        yield title, sim_lookup.run(smoke=smoke, large=large)
    if "sim_swarm" in chosen:
        from benchmarks import sim_swarm

        title = "(n) Simulated: compiled swarms, a flash crowd and a source four times a peer"
        yield title, sim_swarm.run(smoke=smoke, large=large)
    if "sim_agreement" in chosen:
        from benchmarks import sim_agreement

        title = "(o) Simulated: do engines and compiled events tell the same story?"
        yield title, sim_agreement.run(smoke=smoke)


def main() -> int:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="a moment of each, not judged")
    parser.add_argument("--large", action="store_true", help="worlds that take minutes, too")
    parser.add_argument("section", nargs="*", help=f"of: {', '.join(SECTIONS)} (all)")
    options = parser.parse_args()
    if unknown := set(options.section) - set(SECTIONS):
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    started = time.monotonic()
    missed = 0
    skipped = LONG if options.smoke else ()
    chosen = options.section or [each for each in SECTIONS if each not in skipped]
    for title, rows in sections(chosen, smoke=options.smoke, large=options.large):
        shown = [row.unjudged() for row in rows] if options.smoke else rows
        print(table(title, shown), flush=True)
        missed += sum(row.met is False for row in shown)
    print(f"\n{describe()}; {time.monotonic() - started:.0f} s")
    if options.smoke:
        print(f"smoke run, without {' and '.join(skipped)}: a moment's figures mean nothing")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
