"""(n) What peers take off a server's uplink, in network namespaces of our own making.

A repository is cloned from its mirrors (:mod:`benchmarks.offload_git`), each behind an uplink of
its own, beside the server alone.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks import offload_git
from benchmarks.netns import obstacle

if TYPE_CHECKING:
    from benchmarks.report import Row


def run(*, smoke: bool) -> list[Row]:
    """The rows of the section; none, loudly, where there can be no namespaces."""
    if why := obstacle():
        print(f"SKIPPED: offload in network namespaces: {why}", file=sys.stderr, flush=True)
        return []
    return offload_git.run(smoke=smoke)
