"""(p) What peers take off a server's uplink, in network namespaces of our own making.

A repository is cloned from its mirrors (:mod:`benchmarks.offload_git`), a site is visited by a
crowd (:mod:`benchmarks.offload_site`), and by one when swarm or origin fail
(:mod:`benchmarks.offload_fallback`). All who take part are behind uplinks of one width, and each
is compared with what the origin does alone, in the same run.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks import offload_fallback, offload_git, offload_site
from benchmarks.netns import obstacle

if TYPE_CHECKING:
    from benchmarks.report import Row


def run(*, smoke: bool) -> list[Row]:
    """The rows of the section; none, loudly, where there can be no namespaces."""
    if why := obstacle():
        print(f"SKIPPED: offload in network namespaces: {why}", file=sys.stderr, flush=True)
        return []
    parts = (offload_git, offload_site, offload_fallback)
    return [row for part in parts for row in part.run(smoke=smoke)]
