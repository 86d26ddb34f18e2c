"""Rules of your own, run by the engines that ship: how a lookup walks, who holds what is stored.

A rule is a class registered by name (``simulations.registry``) in a file of yours, and named in the
TOML as ``rules.lookup`` or ``rules.storing``; what is said beside its name are arguments of it.

A *lookup rule* makes one walk, of one path; it has the verbs of :class:`dht.core.walker.Walker`.
The shortest way there is to inherit the one that ships, which knows who was asked and who answered:

    @register("lookup", "rounds")
    class Rounds(Lookup):
        '''Asks alpha, and waits for all of them before it asks again.'''

        asked_last = ()

        def next(self):
            if any(self.awaits(key) for key in self.asked_last):
                return []
            asks = super().next()
            self.asked_last = [contact.key for contact in asks]
            return asks

        def slow(self, key):
            return False  # one timeout, the long one

A *storing rule* chooses, when a walk is over, who of all that answered it shall hold the record:

    @register("storing", "one-each")
    class OneEach:
        def holders(self, target, found, policy):
            return found[:1]

Everything else stays as it ships: timeouts, tables, tickets, upkeep, the question about the edge
(for rules that inherit :class:`~dht.core.lookup.Lookup`). Walks of several paths and of regions are
rules of their own, so they are refused beside yours.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from dht.core.keys import Key
from dht.core.walker import Walker
from simulations import registry
from simulations.errors import ConfigError

if TYPE_CHECKING:
    from dht.core.policy import Policy
    from simulations.registry import Registered
    from simulations.scenario import Choice, Scenario

SHIPPED: Final = "shipped"

VERBS: Final = tuple(name for name in vars(Walker) if not name.startswith("_"))
"""What every walk can be asked and told."""


FIELDS: Final = ("lookup", "storing")
"""Of a policy: what is said as ``rules.lookup`` and ``rules.storing``, of all nodes alike."""


def named_rules(scenario: Scenario) -> dict[str, Any]:
    """The fields of the policy that are rules of the user's own.

    Raises:
        ConfigError: There is none of that name, it is no such rule, or has no say in this scenario.
    """
    rules = scenario.rules
    made: dict[str, Any] = {}
    for where, said in (("rules.switches", rules.switches), ("rules.others", rules.others)):
        for name in FIELDS:
            if name in said:
                raise ConfigError(f"{where}.{name} cannot be said", hint=f"say rules.{name}")
    if rules.lookup.name != SHIPPED:
        if rules.paths > 1:
            raise ConfigError(
                f"rules.lookup is {rules.lookup.name!r}, of one path: not rules.paths"
            )
        made["lookup"] = partial(_kind("lookup", rules.lookup), **rules.lookup.options)
    if rules.storing.name != SHIPPED:
        if scenario.traffic.region:
            raise ConfigError(
                f"rules.storing is {rules.storing.name!r}, so traffic.region has no say"
            )
        made["storing"] = _made("storing", _kind("storing", rules.storing), rules.storing)
        _has("rules.storing", rules.storing, made["storing"], ("holders",))
    return made


def tried(policy: Policy, scenario: Scenario) -> None:
    """Make a walk that leads nowhere, so that a rule which cannot be made is told before the start.

    Raises:
        ConfigError: It cannot.
    """
    if policy.lookup is None:
        return
    try:
        walk = policy.lookup(Key(0), policy, (), own=None)
    except TypeError as error:
        raise ConfigError(f"rules.lookup: {error}") from None
    _has("rules.lookup", scenario.rules.lookup, walk, VERBS)


def _kind(kind: Registered, choice: Choice) -> Any:
    return registry.find(kind, choice.name, f"rules.{kind}")


def _made(what: str, kind: Any, choice: Choice) -> Any:
    try:
        return kind(**choice.options)
    except TypeError as error:
        raise ConfigError(f"rules.{what}: {error}") from None


def _has(where: str, choice: Choice, rule: object, verbs: tuple[str, ...]) -> None:
    missing = [verb for verb in verbs if not hasattr(rule, verb)]
    if missing:
        raise ConfigError(f"{where}: {choice.name!r} has no {', '.join(missing)}")
