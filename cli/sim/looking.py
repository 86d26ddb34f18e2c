"""``dhtctl sim list`` and ``dhtctl sim show``."""

from __future__ import annotations

import inspect
import json
import tomllib
from dataclasses import MISSING, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from cli.errors import ExitCode
from cli.tables import aligned
from simulations.io import studies
from simulations.registry import find, names

if TYPE_CHECKING:
    from cli.context import Context
    from simulations.experiment import Experiment


def run(context: Context) -> ExitCode:
    """List all, or show one."""
    (_list if context.args.what == "list" else _show)(context)
    return ExitCode.DONE


def _list(context: Context) -> None:
    found: dict[str, type[Experiment]] = {
        name: find("experiment", name) for name in names("experiment")
    }
    lines = aligned([(name, kind.brief()) for name, kind in found.items()], left=2)
    for line, (name, kind) in zip(lines, found.items(), strict=True):
        context.out.result(
            "experiment", line, name=name, about=kind.brief(), fidelities=list(kind.fidelities)
        )


def _show(context: Context) -> None:
    study, _ = studies.opened(context.args.name, {})
    kind: type[Experiment] = find("experiment", study.name)
    said = studies.source(study.name) or f'experiment = "{study.name}"\n'
    settings = _settings(kind)
    own = "".join(f"# {name} = {_toml(value)}\n" for name, value in settings.items())
    text = f"{_commented(kind.about())}\n#\n# fidelities: {', '.join(kind.fidelities)}\n\n{said}"
    if own:
        # Those that it has from another experiment's are told of where they are from.
        homes = [each for each in reversed(kind.Settings.__mro__) if is_dataclass(each)]
        told = _commented("\n\n".join(inspect.cleandoc(each.__doc__ or "") for each in homes))
        # TOML has a table once; those that the file sets stand there already.
        mark = "# " if "settings" in tomllib.loads(said) else ""
        head = f"{mark}[settings]          # the experiment's own, with their defaults"
        text += f"\n{told}\n{head}\n{own}"
    context.out.result(
        "experiment",
        text.rstrip(),
        name=study.name,
        about=kind.about(),
        fidelities=list(kind.fidelities),
        settings=settings,
        configuration=study.table,
    )


def _commented(text: str) -> str:
    return "\n".join(f"# {line}".rstrip() for line in text.splitlines())


def _toml(value: Any) -> str:
    """A default as TOML has it."""
    return json.dumps(value) if isinstance(value, bool | str) else repr(value)


def _settings(kind: type[Experiment]) -> dict[str, Any]:
    """The experiment's own settings, with their defaults."""
    made = [f for f in fields(kind.Settings) if f.default is not MISSING]
    return {each.name: each.default for each in made}
