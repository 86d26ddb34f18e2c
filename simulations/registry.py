"""Things known by name: experiments, laws, delays, rules, adversaries; ours and yours.

A class of yours is registered by decorating it, in a file that the TOML names (``code =
"mine.py"``); from then on its name means what the names of ours mean:

    from simulations.registry import register

    @register("lookup", "greedy")
    class Greedy: ...

``module:Name`` says where a thing is, without registering. What a class of a kind must look like is
told where ours are: :mod:`simulations.protocol.rules` (lookup, storing),
:mod:`simulations.protocol.adversary`, :mod:`simulations.laws`, :mod:`simulations.latency`,
:mod:`simulations.experiment`.

Rules and adversaries run at ``protocol`` fidelity, where each is an object that engines call. The
compiled fidelities have the shipped rules built in, and refuse others. Laws of yours are drawn from
by ``protocol`` and ``lookup`` as they are; ``message`` takes what their ``code()`` says of them.
"""

from __future__ import annotations

import difflib
import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, get_args

from simulations.errors import ConfigError
from simulations.latency import MODELS
from simulations.laws import LAWS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_T = TypeVar("_T")

Registered = Literal["experiment", "law", "latency", "lookup", "storing", "adversary"]
"""What can be registered. The last three are what ``rules.lookup``, ``rules.storing`` and
``adversary.behaviour`` name."""

_known: Final[dict[Registered, dict[str, Any]]] = {kind: {} for kind in get_args(Registered)}


def register(kind: Registered, name: str) -> Callable[[_T], _T]:
    """Decorate what shall be found as ``name``. Who comes later wins: users may replace ours."""

    def remember(thing: _T) -> _T:
        _known[kind][name] = thing
        return thing

    return remember


for _law in LAWS:
    register("law", _law.name)(_law)
for _model in MODELS:
    register("latency", _model.name)(_model)


def find(kind: Registered, name: str, where: str = "") -> Any:
    """What is registered as ``name``, or stands at ``module:Name``.

    Args:
        kind: What it must be.
        name: Its name.
        where: The key that named it, for the message.

    Raises:
        ConfigError: Nothing is known by that name.
    """
    if name in _known[kind]:
        return _known[kind][name]
    if ":" in name:
        return _at(name, where)
    if kind == "experiment" and name in _modules():
        import_module(f"simulations.experiments.{name.replace('-', '_')}")
        return _known[kind][name]
    known = names(kind)
    raise ConfigError(
        f"{where or kind}: there is no {kind} called {name!r}", hint=nearest(name, known)
    )


def names(kind: Registered) -> list[str]:
    """All names of a kind, sorted; an experiment's module need not have been imported."""
    more = _modules() if kind == "experiment" else set()
    return sorted(more.union(_known[kind]))


def nearest(name: str, known: Iterable[str]) -> str:
    """What was probably meant, as a hint; else what there is."""
    candidates = sorted(known)
    near = difflib.get_close_matches(name, candidates, 1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known: {', '.join(candidates)}" if candidates else ""


def _modules() -> set[str]:
    """Names of experiments, as users type them: ``dead-nodes`` lives in ``dead_nodes.py``."""
    # Not a static import: engines import this module, and experiments stand on engines.
    package = import_module("simulations.experiments")
    return {found.name.replace("_", "-") for found in pkgutil.iter_modules(package.__path__)}


def _at(name: str, where: str) -> Any:
    """What stands at ``module:Name``."""
    module, _, attribute = name.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"{where}: {name!r} cannot be had: {error}") from error
