"""Rules of a user's own: real engines run them, and what is no rule is told before the start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dht.core.lookup import Lookup
from simulations.errors import ConfigError
from simulations.registry import register
from simulations.rows import Kind
from simulations.scenario import Network, Rules, Traffic
from tests.sim_worlds import choice, made, ran

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dht.core.keys import Key
    from dht.core.messages import Contact
    from dht.core.policy import Policy

TRAFFIC = Traffic(lookups=60)
PUTS = Traffic(lookups=40, puts=0.5, gets=0.5)


@register("lookup", "test-rounds")
class Rounds(Lookup):
    """Asks alpha, and waits for all of them; each ``lap`` times as many."""

    last: Iterable[Key] = ()

    def __init__(self, *seeds: Any, lap: int = 1, **own: Any) -> None:
        super().__init__(*seeds, **own)
        self.lap = lap

    def next(self) -> list[Contact]:
        if any(self.awaits(key) for key in self.last):
            return []
        asks = [contact for _ in range(self.lap) for contact in super(Rounds, self).next()]
        self.last = [contact.key for contact in asks]
        return asks

    def slow(self, key: Key) -> bool:
        return False  # It knows one timeout.


@register("lookup", "test-still")
class Still:
    """A walk that is over before it began: no Lookup, but all the verbs."""

    finished = complete = True
    asked = answered_count = silent_count = 0

    def __init__(self, target: Key, policy: Policy, seeds: Any, *, own: Any) -> None:
        self.target = target

    def next(self) -> list[Contact]:
        return []

    def closest(self, n: int) -> tuple[Contact, ...]:
        return ()

    def depth(self, key: Key) -> int:
        return 0

    answered = slow = failed = dismiss = None


@register("lookup", "test-dumb")
class Dumb:
    """No walk at all."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass


@register("storing", "test-few")
class Few:
    """The ``count`` closest only, each of them said twice, and somebody who was not found."""

    def __init__(self, count: int = 2) -> None:
        self.count = count

    def holders(self, target: Key, found: tuple[Contact, ...], policy: Policy) -> list[Contact]:
        near = list(found[: self.count])
        return [*near, *near, type(found[0])(target, ("9.9.9.9", 9))]


def rules(**fields: Any) -> Rules:
    return Rules(**fields)


def test_a_lookup_that_waits_finds_as_much_and_takes_longer() -> None:
    dead = Network(nodes=100, dead=0.3)
    own = ran(network=dead, traffic=TRAFFIC, rules=rules(lookup=choice("test-rounds")))
    shipped = ran(network=dead, traffic=TRAFFIC)
    assert own["success"].all()
    assert own["latency_s"].mean() > 1.2 * shipped["latency_s"].mean()


def test_what_it_is_told_reaches_it() -> None:
    one, three = (
        ran(traffic=TRAFFIC, rules=rules(alpha=2, lookup=choice("test-rounds", lap=lap)))
        for lap in (1, 3)
    )
    # What is asked holds a slot at once, so no lap asks more than alpha in all.
    assert (one["requests"] == three["requests"]).all()


def test_a_rule_that_asks_nobody_finds_nobody() -> None:
    rows = ran(traffic=TRAFFIC, rules=rules(lookup=choice("test-still")))
    assert not rows["success"].any()
    assert not rows["requests"].any()


@pytest.mark.parametrize("count", [1, 3])
def test_a_storing_rule_says_how_many_hold_it(count: int) -> None:
    run = made(traffic=PUTS, rules=rules(storing=choice("test-few", count=count)))
    rows = run.finish()
    puts = rows.where(rows["kind"] == Kind.PUT)
    assert puts["success"].all()
    assert puts["found_closest"] == pytest.approx(count / 8)
    for record in run.users.stored:
        held = [n for n in run.world.nodes if n.engine and n.engine.records.get(record.key)]
        assert len(held) == count
    assert rows.where(rows["kind"] == Kind.GET)["success"].all()


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({"lookup": choice("test-rounds"), "paths": 2}, "not rules.paths"),
        ({"lookup": choice("test-rounds", laps=2)}, "rules.lookup: .*laps"),
        ({"lookup": choice("test-dumb")}, "'test-dumb' has no target, finished"),
        ({"storing": choice("test-few", number=2)}, "rules.storing: .*number"),
        ({"storing": choice("test-dumb")}, "there is no storing called 'test-dumb'"),
        ({"storing": choice("collections:Counter")}, "'collections:Counter' has no holders"),
        ({"switches": {"lookup": "test-rounds"}}, "rules.switches.lookup cannot be said"),
        ({"others": {"share": 0.5, "storing": "test-few"}}, "rules.others.storing cannot be said"),
    ],
)
def test_what_is_no_rule_is_told_before_the_start(said: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        made(rules=rules(**said))


def test_a_region_is_a_storing_rule_of_its_own() -> None:
    with pytest.raises(ConfigError, match=r"traffic\.region has no say"):
        made(rules=rules(storing=choice("test-few")), traffic=Traffic(region=2))
