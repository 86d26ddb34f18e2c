"""A user's own Python: loaded from its file, so that its classes register themselves.

The file becomes a module whose name is made of its contents, so that a worker process that loads
it again has the same, and two files of one name do not meet. It is run once a process.
"""

from __future__ import annotations

import hashlib
import sys
from importlib.util import module_from_spec, spec_from_file_location
from typing import TYPE_CHECKING, Final

from simulations.errors import ConfigError, SimulationError

if TYPE_CHECKING:
    from pathlib import Path

_DIGITS: Final = 16


def load(path: Path) -> str:
    """Run the file, if this process has not; a hash of its contents.

    Raises:
        ConfigError: It is not there, or fails.
    """
    try:
        source = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"code: {path} cannot be read: {error.strerror}") from error
    hashed = hashlib.sha256(source).hexdigest()[:_DIGITS]
    name = f"simulations_code_{path.stem}_{hashed}"
    if name not in sys.modules:
        _run(name, path)
    return hashed


def _run(name: str, path: Path) -> None:
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"code: {path} is no Python file", hint="its name must end in .py")
    module = module_from_spec(spec)
    sys.modules[name] = module  # before it runs: dataclasses look there for their names
    try:
        spec.loader.exec_module(module)
    except SimulationError:
        del sys.modules[name]
        raise
    except Exception as error:  # anything: it is not our code
        del sys.modules[name]
        raise ConfigError(
            f"code: {path} fails: {type(error).__name__}: {error}", hint=_where(error, path)
        ) from error


def _where(error: Exception, path: Path) -> str:
    """The last line of the file that was running."""
    lines = []
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return f"line {lines[-1]}" if lines else ""
