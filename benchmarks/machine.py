"""The machine a benchmark runs on: its description, and the pinning of processes to its cores."""

from __future__ import annotations

import os
import platform
import resource
from pathlib import Path


def pin(core: int) -> None:
    """Run this process, and the threads it will start, on one core, if there is such a core."""
    if hasattr(os, "sched_setaffinity") and core in os.sched_getaffinity(0):
        os.sched_setaffinity(0, {core})


def resident() -> int:
    """Bytes of memory this process has resident now."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:  # not Linux: the most it ever had must do
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return pages * os.sysconf("SC_PAGE_SIZE")


def describe() -> str:
    """One line: processor, cores, memory, load, versions."""
    processor = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                processor = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    load = os.getloadavg()[0]
    return (
        f"{processor}, {os.cpu_count()} cores, {memory:.0f} GiB, load {load:.1f}; "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    )
