"""A scenario at ``lookup`` fidelity: what it can do, what it refuses, and its rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from dht.core.policy import Timeouts
from simulations.compiled import use_threads
from simulations.errors import ConfigError
from simulations.latency import Constant
from simulations.lookup.batch import shares_found, walks
from simulations.lookup.desk import World
from simulations.lookup.epochs import Epochs
from simulations.lookup.rule import Patience, Rule, patience
from simulations.lookup.tables import build, draw_ids
from simulations.rows import Kind, Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from simulations.chance import Chance
    from simulations.scenario import Rules, Scenario

HOUR: Final = 3600.0
EPOCH: Final = 60.0
"""Seconds between two moments at which nodes come and go."""
BATCH: Final = 1 << 16
"""Lookups between two words of progress."""
EXPERIENCE: Final = 64
"""Answers that every node has had before: its timeouts have settled."""
NUMBERS: Final = {"mainline": (8, 4, 8), "amino": (20, 10, 3)}
"""k, alpha and beta of a policy: Policy's own, and go-libp2p-kad-dht's amino/defaults.go."""
REFRESH: Final = {"mainline": 900.0, "amino": 600.0}
"""Seconds between two refreshes of a bucket: BEP 5's, and kubo's."""

WITHOUT: Final = {
    "network.latency other than constant": (
        """--set "network.latency={ model = 'constant', seconds = 0.05 }\""""
    ),
    "network.loss": "--set network.loss=0",
    "network.streams": "--set network.streams=false",
    "codec": "--set codec=false",
}
"""How to do without what is not known here, where that is a small thing to say."""


def run(
    scenario: Scenario, chance: Chance, progress: Callable[[float], None] | None = None
) -> Rows:
    """Simulate ``scenario``: whole lookups, on full tables or under churn.

    Raises:
        ConfigError: The scenario wants what this fidelity cannot do.
    """
    refuse(scenario)
    use_threads(scenario.threads)
    parts: list[Rows] = []
    for time, world, count in _moments(scenario, chance):
        for first in range(0, count, BATCH):
            rng = chance.stream("traffic", len(parts)).generator()
            most = min(BATCH, count - first)
            parts.append(_lookups(scenario, world, time, most, rng))
        if progress is not None:
            progress(min(time[1], scenario.duration))
    if progress is not None:
        progress(scenario.duration)
    return Rows.joined(parts) if parts else _nothing()


def memory(scenario: Scenario) -> int:
    """About how many bytes a run will need."""
    k = rule_of(scenario.rules).k
    nodes = population(scenario)
    rows = max(1, math.ceil(math.log2(max(2.0, nodes / k)))) + 4
    expected = scenario.traffic.lookups or _rate(scenario) * scenario.duration
    return 200_000_000 + nodes * (rows * k * 4 + 40) + int(expected * 80)


def population(scenario: Scenario) -> int:
    """How many nodes have a table, those away included."""
    nodes, churn = scenario.network.nodes, scenario.churn
    if churn is None:
        return nodes
    return 2 * nodes if churn.absence is None else round(nodes / churn.availability)


def refuse(scenario: Scenario) -> None:
    """Say no to what whole lookups do not know: to all of it at once, and how to do without.

    Raises:
        ConfigError: There is such a thing.
    """
    said = [what for what, wanted in _unknown(scenario).items() if wanted]
    if said:
        instead = 'take fidelity = "protocol" or "message"'
        flags = [WITHOUT[what] for what in said if what in WITHOUT]
        if len(flags) == len(said):
            instead = f"say {' '.join(flags)}, or {instead}"
        verb = "is" if len(said) == 1 else "are"
        raise ConfigError(f"{', '.join(said)} {verb} not known at lookup fidelity", hint=instead)


def _unknown(scenario: Scenario) -> dict[str, bool]:
    """What this fidelity does not know, and whether a scenario wants it."""
    network, rules, traffic = scenario.network, scenario.rules, scenario.traffic
    churn = scenario.churn
    unknown = {
        "network.latency other than constant": not isinstance(network.latency, Constant),
        "network.loss": network.loss > 0,
        "network.streams": network.streams,
        "network.nat": network.nat.restricted + network.nat.symmetric > 0,
        'network.start = "joined"': network.start == "joined",
        "network.crowd": network.crowd > 1,
        "network.parts": network.parts > 1,
        "network.dead together with churn": network.dead > 0 and churn is not None,
        "churn.trace": churn is not None and churn.trace is not None,
        "rules.lookup": rules.lookup.name != "shipped",
        "rules.storing": rules.storing.name != "shipped",
        "rules.others": bool(rules.others),
        "traffic.puts and traffic.gets": traffic.puts + traffic.gets > 0,
        "adversary": scenario.adversary.behaviour.name != "none",
        "events": bool(scenario.events),
        "codec": scenario.codec,
    }
    return unknown | {f"rules.switches.{name}": name != "edge" for name in rules.switches}


def rule_of(rules: Rules) -> Rule:
    """The numbers of a lookup by ``rules``; beta follows k where the policy's beta is its k."""
    k, alpha, beta = NUMBERS[rules.policy]
    if rules.k is not None:
        k, beta = rules.k, rules.k if beta == k else beta
    edge = int(bool(rules.switches.get("edge", True)))
    return Rule(k, rules.alpha or alpha, rules.beta or beta, rules.paths, edge)


def patience_of(scenario: Scenario) -> Patience:
    """Round trip and timeouts."""
    rtt = 2 * scenario.network.latency.delay(0, 1, 0.5)
    return patience(Timeouts(), rtt, EXPERIENCE)


def _rate(scenario: Scenario) -> float:
    """Lookups of all nodes in a second."""
    return scenario.traffic.rate * scenario.network.nodes / HOUR


def _moments(
    scenario: Scenario, chance: Chance
) -> Iterator[tuple[tuple[float, float], World, int]]:
    """Spans of time, the world in each, and how many lookups fall into it."""
    rng = chance.stream("counts").generator()
    k, start = rule_of(scenario.rules).k, scenario.traffic.warmup
    network = scenario.network
    if scenario.churn is None:
        ids = draw_ids(network.nodes, chance.stream("ids").generator())
        tables = build(ids, k, chance.stream("tables").word())
        alive = chance.stream("dead").generator().random(network.nodes) >= network.dead
        world = World(tables, alive, np.empty(0, np.int32))
        yield (start, scenario.duration), world, _count(scenario, start, scenario.duration, rng)
        return
    refresh = scenario.rules.refresh or REFRESH[scenario.rules.policy]
    epochs = Epochs(network.nodes, k, scenario.churn, refresh, EPOCH, chance.stream("churn"))
    for index in range(math.ceil(scenario.duration / EPOCH)):
        first, last = index * EPOCH, min((index + 1) * EPOCH, scenario.duration)
        world = World(epochs.tables, epochs.alive, np.empty(0, np.int32))
        begun = max(first, start)
        yield (begun, last), world, _count(scenario, begun, last, rng) if last > begun else 0
        epochs.advance()


def _count(scenario: Scenario, first: float, last: float, rng: np.random.Generator) -> int:
    """How many lookups fall into a span: evenly if their number is given, else by chance."""
    total, begun = scenario.traffic.lookups, scenario.traffic.warmup
    if total:
        share = total / (scenario.duration - begun)
        return round((last - begun) * share) - round((first - begun) * share)
    return int(rng.poisson(_rate(scenario) * (last - first)))


def _lookups(
    scenario: Scenario,
    world: World,
    span: tuple[float, float],
    count: int,
    rng: np.random.Generator,
) -> Rows:
    """Make ``count`` lookups from live nodes to random keys; a row each, by time."""
    rule = rule_of(scenario.rules)
    live = np.flatnonzero(world.alive)
    sources: NDArray[np.int64] = live[rng.integers(0, len(live), count)]
    targets = rng.integers(0, 2**64 - 1, count, np.uint64, endpoint=True)
    made = walks(world, rule, patience_of(scenario), sources, targets)
    shares, nearest = shares_found(world, rule.k, sources, targets, made)
    return Rows(
        {
            "time_s": np.sort(rng.uniform(*span, count)),
            "source": sources,
            "kind": np.full(count, Kind.LOOKUP),
            "success": nearest,
            "found_closest": shares,
            "hops": made.depths[:, 0],
            "requests": made.requests,
            "timeouts": made.silent,
            "latency_s": made.elapsed,
        }
    )


def _nothing() -> Rows:
    """No rows, of the columns that there would have been."""
    names = ("time_s", "source", "kind", "success", "found_closest")
    return Rows({name: [] for name in (*names, "hops", "requests", "timeouts", "latency_s")})
