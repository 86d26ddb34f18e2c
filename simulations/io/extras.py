"""What may not be installed, and how to get it."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from simulations.errors import INSTALL, MissingExtra

NEEDED: Final = ("numpy", "numba")
"""Nothing at all runs without these."""
_INSTALLS: Final = {
    "distributed": "pip install 'dhtctl[sim,dask]'",
    **{frames: f"pip install {frames}" for frames in ("pandas", "polars", "xarray")},
}


def require_all() -> None:
    """Say so, if nothing can be simulated here.

    Raises:
        MissingExtra: A package that all need is not installed.
    """
    for package in NEEDED:
        if not has(package):
            raise MissingExtra(package)


def has(package: str) -> bool:
    """Whether it is installed; it is not imported."""
    return find_spec(package) is not None


def needed(module: str) -> Any:
    """Import a module of an optional package.

    Raises:
        MissingExtra: It is not installed.
    """
    package = module.partition(".")[0]
    if not has(package):
        raise MissingExtra(package, install=_INSTALLS.get(package, INSTALL))
    return import_module(module)
