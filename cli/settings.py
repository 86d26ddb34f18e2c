"""Settings, from four layers: defaults < configuration file < environment < command line.

:mod:`cli.options` names them all. ``dhtctl config show --origin`` prints where each value came
from. The file is TOML, belongs to the user, and is never written by the program.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cli.errors import UsageError
from cli.options import NETWORKS, OPTIONS, PROGRAM, Shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from cli.options import Option

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0}
_SWITCH: Final = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


_BY_NAME: Final = {option.name: option for option in OPTIONS}


@dataclass(frozen=True, slots=True)
class Setting:
    """A value, and where it came from."""

    name: str
    value: Any
    origin: str


class Settings:
    """The settings of one command, all layers laid over each other."""

    def __init__(self, layers: Iterable[Mapping[str, Setting]], config: Path) -> None:
        self.config: Final = config
        self._settings: dict[str, Setting] = {}
        for layer in layers:
            self._settings.update(layer)

    def __iter__(self) -> Iterator[Setting]:
        return iter([self._settings[option.name] for option in OPTIONS])

    def _value(self, name: str) -> Any:
        return self._settings[name].value

    @property
    def network(self) -> str:
        """Which DHT."""
        return str(self._value("network"))

    @property
    def bootstrap(self) -> tuple[str, ...] | None:
        """Where to join, as typed; ``None``: nobody said; empty (``--bootstrap ''``): nowhere."""
        words = self._value("bootstrap")
        return None if words is None else tuple(word for word in words if word)

    @property
    def listen(self) -> tuple[str, ...] | None:
        """What to bind, as typed; ``None``: nobody said."""
        words = self._value("listen")
        return None if words is None else tuple(words)

    @property
    def state(self) -> Path:
        """Where everything that survives is kept."""
        return Path(self._value("state"))

    @property
    def timeout(self) -> float | None:
        """Seconds in all; ``None``: as long as there is progress."""
        seconds: float | None = self._value("timeout")
        return seconds or None

    @property
    def json(self) -> bool:
        """One object per line."""
        return bool(self._value("json"))

    @property
    def quiet(self) -> bool:
        """Neither notes nor progress."""
        return bool(self._value("quiet"))

    @property
    def verbose(self) -> int:
        """How much to log."""
        return int(self._value("verbose"))


def resolve(given: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Settings:
    """Lay the layers over each other.

    Args:
        given: What the command line says, by option name.
        environment: The process's variables.

    Raises:
        UsageError: A layer says something that makes no sense.
    """
    config = config_path(environment)
    layers = [
        _defaults(given, environment),
        _from_file(config, required="DHTCTL_CONFIG" in environment),
        _from_environment(environment),
        _from_flags(given),
    ]
    return Settings(layers, config)


def config_path(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the configuration file is, whether or not it exists."""
    named = environment.get("DHTCTL_CONFIG")
    if named:
        return Path(named).expanduser()
    directories = import_module("platformdirs")
    return Path(directories.user_config_path(PROGRAM)) / "config.toml"


def parse_seconds(text: str) -> float:
    """Read a duration: ``90``, ``90s``, ``2m``, ``1.5h``; 0 means no limit.

    Raises:
        ValueError: It is none.
    """
    number, unit = (text[:-1], _UNITS[text[-1]]) if text[-1:] in _UNITS else (text, 1.0)
    seconds = float(number) * unit
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"{text!r} is not a duration")
    return seconds


def _defaults(given: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Setting]:
    state = None
    if "state" not in given and not environment.get("DHTCTL_STATE"):
        state = str(import_module("platformdirs").user_state_path(PROGRAM))
    values = {
        "network": NETWORKS[0],
        "bootstrap": None,
        "listen": None,
        "state": state,
        "timeout": None,
        "json": False,
        "quiet": False,
        "verbose": 0,
    }
    return {name: Setting(name, value, "default") for name, value in values.items()}


def _from_file(path: Path, *, required: bool) -> dict[str, Setting]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if required:
            raise UsageError(
                f"there is no configuration file {path}", hint="DHTCTL_CONFIG names it"
            ) from None
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error
    tomllib = import_module("tomllib")
    try:
        table: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not TOML: {error}") from error
    unknown = sorted(set(table) - set(_BY_NAME))
    if unknown:
        raise UsageError(
            f"{path} sets {', '.join(unknown)}, which nothing reads",
            hint=f"it can set {', '.join(_BY_NAME)}",
        )
    return {name: _checked(_BY_NAME[name], value, str(path)) for name, value in table.items()}


def _from_environment(environment: Mapping[str, str]) -> dict[str, Setting]:
    layer = {}
    for option in OPTIONS:
        text = environment.get(option.variable)
        if text:
            layer[option.name] = _checked(option, _from_text(option, text), option.variable)
    return layer


def _from_flags(given: Mapping[str, Any]) -> dict[str, Setting]:
    return {name: _checked(_BY_NAME[name], value, f"--{name}") for name, value in given.items()}


def _from_text(option: Option, text: str) -> Any:
    """What an environment variable says; left as text where it says nonsense."""
    if option.shape is Shape.WORDS:
        return text.replace(",", " ").split()
    if option.shape is Shape.SWITCH:
        return _SWITCH.get(text.lower(), text)
    if option.shape is Shape.COUNT and text.isdecimal():
        return int(text)
    return text


def _checked(option: Option, value: Any, origin: str) -> Setting:
    """Bring a value into its shape.

    Raises:
        UsageError: It does not fit.
    """
    try:
        shaped = _SHAPES[option.shape](value)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"{origin}: {value!r} does not do for {option.name}", hint=_EXPECTED[option.shape]
        ) from error
    if option.choices and shaped not in option.choices:
        raise UsageError(
            f"{origin}: there is no {option.name} {shaped!r}",
            hint=f"choose from: {', '.join(option.choices)}",
        )
    return Setting(option.name, shaped, origin)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _words(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [_text(word) for word in list(value)]


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError
    return value


def _seconds(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError
    return parse_seconds(str(value))


def _directory(value: Any) -> str:
    return str(Path(_text(value)).expanduser().absolute())


_SHAPES: Final[Mapping[Shape, Callable[[Any], Any]]] = {
    Shape.TEXT: _text,
    Shape.WORDS: _words,
    Shape.SWITCH: _switch,
    Shape.COUNT: _count,
    Shape.SECONDS: _seconds,
    Shape.DIRECTORY: _directory,
}
_EXPECTED: Final[Mapping[Shape, str]] = {
    Shape.TEXT: "give a text",
    Shape.WORDS: "give one text or a list of them",
    Shape.SWITCH: "give true or false",
    Shape.COUNT: "give a number from 0",
    Shape.SECONDS: "give seconds, or a number with s, m or h, such as 90, 2m or 1h",
    Shape.DIRECTORY: "give the path of a directory",
}
