"""A user's own Python: loaded from its file, so that its classes register themselves.

The file becomes a module whose name is made of its contents, so that a worker process that loads
it again has the same, and two files of one name do not meet. It is run once a process.
"""

from __future__ import annotations

import hashlib
import sys
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from typing import TYPE_CHECKING, Final

from simulations.errors import ConfigError, RunFailed, SimulationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_DIGITS: Final = 16
_PREFIX: Final = "simulations_code_"


def load(path: Path) -> str:
    """Run the file, if this process has not; a hash of its contents.

    Raises:
        ConfigError: It is not there.
        RunFailed: It fails.
    """
    try:
        source = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"code: {path} cannot be read: {error.strerror}") from error
    hashed = hashlib.sha256(source).hexdigest()[:_DIGITS]
    name = f"{_PREFIX}{path.stem}_{hashed}"
    if name not in sys.modules:
        _run(name, path)
    return hashed


def _run(name: str, path: Path) -> None:
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"code: {path} is no Python file", hint="its name must end in .py")
    module = module_from_spec(spec)
    sys.modules[name] = module  # before it runs: dataclasses look there for their names
    fine = False
    try:
        with blamed("code", [path]):
            spec.loader.exec_module(module)
        fine = True
    finally:
        if not fine:
            del sys.modules[name]


@contextmanager
def blamed(what: str, paths: Sequence[Path]) -> Iterator[None]:
    """Run the block, in which code of the user's runs: whatever it raises, say it in one line.

    This is the one place that catches everything: code that is not ours may raise anything. Where
    there is none (no ``paths``), an error is a bug of ours, and to be seen whole.

    Raises:
        RunFailed: The block raised something that is no :class:`SimulationError`.
    """
    if not paths:
        yield
        return
    try:
        yield
    except SimulationError:
        raise
    except Exception as error:
        raise RunFailed(
            f"{what} fails: {type(error).__name__}: {error}", hint=_where(error)
        ) from error


def _where(error: Exception) -> str:
    """The last line of a user's file that was running."""
    lines = []
    trace = error.__traceback__
    while trace is not None:
        if str(trace.tb_frame.f_globals.get("__name__")).startswith(_PREFIX):
            lines.append(f"{trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno}")
        trace = trace.tb_next
    return f"see {lines[-1]}" if lines else "it may be your own code, or a mistake of ours"
