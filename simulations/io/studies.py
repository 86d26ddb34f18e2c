"""A study from what a user names: an experiment of ours, or a TOML file.

Layers, later ones winning: the experiment's own TOML (if it has one), the user's file, ``--set``,
flags. Paths in a file are relative to the file.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulations import config
from simulations.errors import ConfigError
from simulations.io import traces, usercode
from simulations.registry import find

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulations.config import Study
    from simulations.latency import Matrix
    from simulations.scenario import Trace


class Library:
    """Reads what a configuration names, relative to where it stands; each file once."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._read: dict[tuple[str, str], Any] = {}

    def trace(self, path: str) -> Trace:
        """The sessions of a file."""
        found: Trace = self._once("trace", path)
        return found

    def matrix(self, path: str) -> Matrix:
        """The delays of a file."""
        found: Matrix = self._once("matrix", path)
        return found

    def code(self, path: str) -> str:
        """Load a file of the user's own Python; a hash of its contents."""
        return usercode.load(self.home / path)

    def _once(self, what: str, path: str) -> Any:
        if (what, path) not in self._read:
            reader = traces.read_trace if what == "trace" else traces.read_matrix
            self._read[what, path] = reader(self.home / path)
        return self._read[what, path]


def defaults(experiment: str) -> dict[str, Any]:
    """The TOML beside an experiment of ours; of others, nothing but the name."""
    text = source(experiment)
    if text is None:
        return {"experiment": experiment}
    return config.parse(text, f"{experiment}.toml")


def source(experiment: str) -> str | None:
    """The text of the TOML beside an experiment of ours."""
    stem = experiment.replace("-", "_")
    place = resources.files("simulations.experiments") / f"{stem}.toml"
    # A name with a separator would lead elsewhere; no experiment of ours has one.
    return place.read_text(encoding="utf-8") if stem.isidentifier() and place.is_file() else None


def opened(what: str, above: Mapping[str, Any]) -> tuple[Study, Library]:
    """The study that ``what`` names, with ``above`` on top.

    Raises:
        ConfigError: There is none, or its words make no sense.
    """
    path = Path(what)
    if path.suffix == ".toml" or path.is_file():
        home, said = path.absolute().parent, config.parse(_text(path), what)
    else:
        home, said = Path.cwd(), {"experiment": what}
    library = Library(home)
    said = config.overlaid(said, above)
    for each in config.codes(said):
        library.code(each)
    name = str(said.get("experiment", ""))
    if not name:
        return config.study(said), library  # which says that it is missing
    find("experiment", name, "experiment")
    return config.study(config.overlaid(defaults(name), said)), library


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no text") from error
