"""What produced a result: which code of ours, and which packages."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

PACKAGES: Final = ("numpy", "numba", "pyarrow", "matplotlib")
_OURS: Final = ("dht", "torrent", "simulations")
_DIGITS: Final = 12


@cache
def code() -> str:
    """The version of ours: of the release, and a hash of all sources that a result can depend on.

    A version number alone would call two states of a checkout the same; a commit's, a changed
    file. 400 files take 20 ms.
    """
    root = Path(__file__).parent.parent.parent
    total = hashlib.sha256()
    for package in _OURS:
        for path in sorted((root / package).rglob("*.py")):
            total.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return f"{_version('dhtctl')}+{total.hexdigest()[:_DIGITS]}"


def packages() -> dict[str, str]:
    """The versions of Python and of what we stand on."""
    return {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"
