"""What can go wrong for a user of the simulator, under one abstract base.

Each message is one line that says which word, line or number is at fault; ``hint`` says what to do.
All of these are found before or beside the simulation itself: a run that has begun cannot fail but
through a mistake of ours, or of the user's own code.
"""

# ruff: noqa: N818 - named as the rest of the house names its own: what happened

from __future__ import annotations

from typing import Any, Final

INSTALL: Final = "pip install 'dhtctl[sim]'"
"""How to get all that simulations need."""


class SimulationError(Exception):
    """Abstract base of everything this package raises on purpose.

    Attributes:
        message: What is wrong: one sentence without a full stop.
        hint: What to do about it, or "".
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes as it is, whatever the subclass's constructor takes."""
        return _remade, (type(self), self.args, self.__dict__)


def _remade(kind: type[SimulationError], args: tuple[Any, ...], state: Any) -> SimulationError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigError(SimulationError):
    """The description of a run makes no sense: an unknown key, an impossible value."""


class TraceError(SimulationError):
    """A trace or matrix file is broken.

    Attributes:
        path: The file.
        line: The line, from 1; 0 if the fault is not in one.
    """

    def __init__(self, path: str, line: int, fault: str, *, hint: str = "") -> None:
        where = f"{path}, line {line}" if line else path
        super().__init__(f"{where}: {fault}", hint=hint)
        self.path = path
        self.line = line


class ResultError(SimulationError):
    """Results cannot be read, written, or compared."""


class RunFailed(SimulationError):
    """The user's own code failed in the middle of a run."""


class TooBig(SimulationError):
    """The run would need more memory than there is; nothing was begun."""


class MissingExtra(SimulationError):
    """A package is not installed, because plain ``dhtctl`` does not need it.

    Attributes:
        package: The name that could not be imported.
    """

    def __init__(self, package: str, *, install: str = INSTALL) -> None:
        super().__init__(f"this needs {package}, which is not installed", hint=install)
        self.package = package
