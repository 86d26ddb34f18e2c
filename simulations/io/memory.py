"""Whether a run fits, asked before it starts.

A process that the kernel kills for its memory says nothing; hours may be gone. Estimates are
generous (see :func:`simulations.engines.memory`), and what is available is what this machine *and*
the container around us have left.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from simulations.errors import TooBig

if TYPE_CHECKING:
    from collections.abc import Iterable

_MEMINFO: Final = Path("/proc/meminfo")
_GROUP: Final = Path("/sys/fs/cgroup")
_GIB: Final = 1 << 30


def available(meminfo: Path = _MEMINFO, group: Path = _GROUP) -> int | None:
    """Bytes that this process and its children may still take; ``None`` where nobody knows."""
    return min(
        (found for found in (_free(meminfo), _left(group)) if found is not None), default=None
    )


def check(estimates: Iterable[int], workers: int, left: int | None) -> None:
    """Refuse what does not fit: the largest runs, as many at a time as there are workers.

    Raises:
        TooBig: They would need more than ``left``.
    """
    at_once = sum(sorted(estimates, reverse=True)[:workers])
    if left is not None and at_once > left:
        fewer = "fewer --workers, or " if workers > 1 else ""
        raise TooBig(
            f"this needs about {at_once / _GIB:.1f} GiB of memory, "
            f"but {left / _GIB:.1f} GiB are left",
            hint=f"{fewer}fewer network.nodes, or another fidelity",
        )


def _free(meminfo: Path) -> int | None:
    """What Linux says is available; elsewhere, the free pages."""
    try:
        lines = meminfo.read_text(encoding="ascii").splitlines()
        (line,) = (line for line in lines if line.startswith("MemAvailable:"))
        return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        return _pages()


def _pages() -> int | None:
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return None


def _left(group: Path) -> int | None:
    """What the control group (version 2) of a container leaves us; ``None`` without a limit."""
    try:
        limit = (group / "memory.max").read_text(encoding="ascii").strip()
        used = int((group / "memory.current").read_text(encoding="ascii"))
        return None if limit == "max" else max(0, int(limit) - used)
    except (OSError, ValueError):
        return None
