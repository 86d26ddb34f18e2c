"""From TOML's tables to frozen dataclasses, and back to one canonical text.

The dataclasses are the grammar: a key is a field, its type says what may stand there. What is
unknown or impossible is refused with its full name ("churn.session.mean"), and what was probably
meant. Four types are said in a way of their own:

* a law: ``{law = "weibull", mean = 3600, shape = 0.6}``;
* a model of delays: ``{model = "plane", base = 0.01}``, ``{model = "matrix", path = "king.csv"}``;
* a choice among rules: ``"greedy"`` or ``{name = "greedy", width = 3}``;
* a trace: the path of its file.

A number may be said with a unit of time (``"90 min"``); an optional thing is left out by ``false``.
"""

from __future__ import annotations

import hashlib
import math
import re
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import (
    Any,
    Final,
    Literal,
    Protocol,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import numpy as np

from simulations.errors import ConfigError
from simulations.latency import Latency, Matrix
from simulations.laws import Law
from simulations.registry import Registered, find, nearest
from simulations.scenario import Choice, Trace

_T = TypeVar("_T")
Table = Mapping[str, Any]

UNITS: Final = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
_QUANTITY: Final = re.compile(r"([0-9.eE+-]+)\s*(ms|s|min|h|d)")
_TAGS: Final[dict[type, tuple[str, Registered]]] = {
    Law: ("law", "law"),
    Latency: ("model", "latency"),
}
TAGS: Final = ("law", "model", "name")
"""Keys that say what kind of thing a table describes."""


class Files(Protocol):
    """What reads the files that a configuration names; this module reads none."""

    def trace(self, path: str) -> Trace:
        """The sessions of a file."""
        ...

    def matrix(self, path: str) -> Matrix:
        """The delays of a file."""
        ...

    def code(self, path: str) -> str:
        """Load a file of the user's own Python; a hash of its contents."""
        ...


def decode(kind: type[_T], table: Table, where: str, files: Files) -> _T:
    """Make a ``kind``, a dataclass, of a table.

    Raises:
        ConfigError: A key is unknown, a value missing or impossible.
    """
    known = {each.name: each for each in _said(kind)}
    for key in table:
        if key not in known:
            raise ConfigError(f"unknown key {_join(where, key)!r}", hint=nearest(key, known))
    for name, each in known.items():
        if name not in table and each.default is MISSING and each.default_factory is MISSING:
            raise ConfigError(f"{_join(where, name)} is missing")
    hints = get_type_hints(kind)
    made = {
        key: _value(hints[key], value, _join(where, key), files) for key, value in table.items()
    }
    return kind(**made)


def encoded(thing: Any) -> Any:
    """A dataclass as JSON can say it, with the same text for the same thing, always."""
    if isinstance(thing, np.ndarray):
        return hashlib.sha256(np.ascontiguousarray(thing).tobytes()).hexdigest()
    if is_dataclass(thing):
        inside = {each.name: encoded(getattr(thing, each.name)) for each in fields(thing)}
        return {"is": type(thing).__name__, **inside}
    if isinstance(thing, Mapping):
        return {str(key): encoded(thing[key]) for key in sorted(thing)}
    if isinstance(thing, list | tuple):
        return [encoded(each) for each in thing]
    return thing


def _said(kind: type) -> list[Field[Any]]:
    """The fields that a configuration may set."""
    return [each for each in fields(kind) if each.init and each.metadata.get("said", True)]


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _value(kind: Any, value: Any, where: str, files: Files) -> Any:  # noqa: PLR0911 - one a type
    """A value of a field of type ``kind``."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _optional(kind, value, where, files)
    if origin is Literal:
        return _literal(get_args(kind), value, where)
    if origin is tuple:
        return _tuple(get_args(kind)[0], value, where, files)
    if kind is Trace:
        return files.trace(_plain(str, value, where))
    if kind is Choice:
        return _choice(value, where)
    if kind in _TAGS:
        return _tagged(kind, _table(value, where), where, files)
    if is_dataclass(kind) and isinstance(kind, type):
        return decode(kind, _table(value, where), where, files)
    if kind is Mapping or origin is Mapping:
        return dict(_table(value, where))
    return _plain(kind, value, where)


def _optional(kind: Any, value: Any, where: str, files: Files) -> Any:
    (some,) = (each for each in get_args(kind) if each is not type(None))
    return None if value is False and some is not bool else _value(some, value, where, files)


def _literal(choices: tuple[Any, ...], value: Any, where: str) -> Any:
    if value not in choices:
        hint = nearest(str(value), map(str, choices))
        raise ConfigError(f"{where} is {value!r}, which there is not", hint=hint)
    return value


def _tuple(kind: Any, value: Any, where: str, files: Files) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{where} is {value!r}, but must be a list")
    return tuple(_value(kind, each, f"{where}[{i}]", files) for i, each in enumerate(value))


def _table(value: Any, where: str) -> Table:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where} is {value!r}, but must be a table")
    return value


def _choice(value: Any, where: str) -> Choice:
    if isinstance(value, str):
        return Choice(name=value)
    table = dict(_table(value, where))
    if "name" not in table:
        raise ConfigError(f"{where}.name is missing")
    return Choice(name=_plain(str, table.pop("name"), f"{where}.name"), options=table)


def _tagged(kind: type, table: Table, where: str, files: Files) -> Any:
    """A law or a model of delays: its class is named by its tag."""
    tag, registered = _TAGS[kind]
    if tag not in table:
        raise ConfigError(f"{where}.{tag} is missing", hint=f'say {tag} = "..."')
    name = _plain(str, table[tag], f"{where}.{tag}")
    made = find(registered, name, f"{where}.{tag}")
    rest = {key: value for key, value in table.items() if key != tag}
    if made is Matrix and "path" in rest:
        return files.matrix(_plain(str, rest["path"], f"{where}.path"))
    return decode(made, rest, where, files)


def _plain(kind: Any, value: Any, where: str) -> Any:
    """A number, a text, a truth."""
    if kind is float and isinstance(value, str):
        value = seconds(value, where)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if kind is int and isinstance(value, float) and value.is_integer():
        value = int(value)  # 1e6 is a whole number to everybody but TOML
    fits = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    if not fits or (kind is float and math.isnan(value)):
        raise ConfigError(f"{where} is {value!r}, but must be {_WORDS.get(kind, kind)}")
    return value


_WORDS: Final = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def seconds(text: str, where: str) -> float:
    """A time said with its unit: ``"90 min"``.

    Raises:
        ConfigError: It is none.
    """
    found = _QUANTITY.fullmatch(text.strip())
    try:
        return float(found[1]) * UNITS[found[2]] if found else float(text)
    except ValueError:
        units = ", ".join(UNITS)
        raise ConfigError(
            f"{where} is {text!r}, but must be a number", hint=f"times may carry a unit: {units}"
        ) from None
