"""Contacts we have heard of and not yet heard from: :mod:`dht.core.strangers`.

Who asks us something and might get a place is pinged; its answer takes it into the table. Kept:
one ping a minute for each stranger, 32 under way. Left out: the backlog of names from saved tables
(nobody has one here), so that what finds no free ping is not pinged at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dht.core.strangers import MAX_PINGS, RETRY_AFTER
from simulations.message.buckets import room
from simulations.message.calls import PING, PING_OP, send
from simulations.message.parts import part, whole
from simulations.message.state import TRIED_PLACES

if TYPE_CHECKING:
    from simulations.message.state import World

MASK = np.uint64(TRIED_PLACES - 1)


@part
def meet(w: World, n: int, key: int, slot: int, now: float) -> None:
    """A stranger sent node ``n`` a request: ping it if that is worth it."""
    tried = w.tried[n, whole(key & MASK)]
    if tried.id == key and now - tried.when < RETRY_AFTER:
        return
    if w.nodes[n].pings >= MAX_PINGS:
        return
    tried.id = key
    tried.when = now
    if room(w, n, key):
        ping(w, n, key, slot, now, now)


@part
def ping(w: World, n: int, key: int, slot: int, now: float, last: float) -> None:
    """Ask whether it is there; it was last heard from at ``last``, for all we know."""
    w.nodes[n].pings += 1
    send(w, n, slot, key, PING, np.uint64(0), PING_OP, now, last)  # type: ignore[arg-type]
