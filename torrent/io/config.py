"""What a session is told at birth, frozen, with the reason beside each default."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypedDict

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from dht.node.node import Node

Endpoint = tuple[str, int]

EVERYWHERE: Final[tuple[Endpoint, ...]] = (("0.0.0.0", 0), ("::", 0))  # noqa: S104 - it serves the public


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionConfig:
    """Everything a :class:`~torrent.io.session.Session` can be told.

    Attributes:
        node: A running node of the DHT, to announce and to find peers with; ``None``: no DHT.
        state: A directory in whose database resume data survives; ``None``: nothing survives.
        listen: One address per family at most; port 0 lets the system choose (the first choice is
            taken for both families), and with a ``state`` it is the same again in the next run, if
            it is free. A family that the machine lacks is left out.
        upload: Bytes a second that may go out in blocks, of all torrents together.
        download: Bytes a second that may come in.
        connections: Connections of all torrents together.
        half_open: Dials under way at once: more fills the tables of small routers.
        trackers: Whether trackers named by torrents and magnets are used.
        web_seeds: Whether web seeds are.
        lan: Whether peers are looked for on the local network (BEP 14).
        pex: Whether peers tell each other about peers (BEP 11).
        listed_after: Seconds that a torrent must be at work before the DHT lists us for it: who is
            gone by then leaves no ghost.
        workers: Threads that hash and write.
        pool: Bytes of pieces in memory at once; bounds what a session weighs.
        sparse: Let new files take their disk space as it is written, not all at once.
        same_host: Allow several connections to one address, for tests on one machine.
        mitigate_ssrf: See :mod:`torrent.io.http`.
        rng: Source of chance; the system's unless a test wants to repeat itself.
    """

    node: Node | None = None
    state: Path | None = None
    listen: tuple[Endpoint, ...] = EVERYWHERE
    upload: float = math.inf
    download: float = math.inf
    connections: int = 200
    half_open: int = 32
    trackers: bool = True
    web_seeds: bool = True
    lan: bool = False
    pex: bool = True
    listed_after: float = 0.0
    workers: int = 2
    pool: int = 64 << 20
    sparse: bool = False
    same_host: bool = False
    mitigate_ssrf: bool = True
    rng: Random | None = field(default=None, repr=False)


class SessionOptions(TypedDict, total=False):
    """The fields of :class:`SessionConfig` as keyword arguments."""

    node: Node | None
    state: Path | None
    listen: tuple[Endpoint, ...]
    upload: float
    download: float
    connections: int
    half_open: int
    trackers: bool
    web_seeds: bool
    lan: bool
    pex: bool
    listed_after: float
    workers: int
    pool: int
    sparse: bool
    same_host: bool
    mitigate_ssrf: bool
    rng: Random | None
