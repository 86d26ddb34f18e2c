"""One participant of a simulated network: an engine and what the world knows of it.

Ten thousand of these live in one process, so a node is a row of slots around an engine, and the
:class:`~dht.core.messages.Contact` made here is the only one: every table of the world that holds
this node holds that object.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dht.core.engine import Engine
    from dht.core.keys import Key
    from dht.core.messages import Contact, Endpoint
    from simulations.protocol.adversary import Adversary
    from simulations.protocol.codec import Codec


_NOBODY: Final[dict[int, float]] = {}
"""Of the many who need no holes, and never dig any."""


class Node:
    """A participant.

    Attributes:
        index: Its number in the world, which latency models and traces know it by.
        contact: Its key and endpoint, as every table holds them.
        engine: What it runs; ``None`` for the dead, of whom only the contact is left.
        alive: Whether it hears anything.
        serves: Whether it answers requests, and says so of itself (BEP 43).
        adversary: Who answers in its engine's place, if it is one of the attacker's.
        codec: Its translator, where messages travel as bytes.
        nat: How it is connected (:class:`simulations.latency.Nat`, as a number).
        holes: Behind a NAT: whom it has sent to, and until when these may send to it.
        side: Its side of a partitioned link; while that is cut, sides do not reach each other.
        part: Which of several networks it was born into.
        region: Where it stands, for failures of whole regions.
        wakes_at: When the world will next let its engine tick.
    """

    __slots__ = (
        "adversary",
        "alive",
        "codec",
        "contact",
        "engine",
        "holes",
        "index",
        "nat",
        "part",
        "region",
        "serves",
        "side",
        "wakes_at",
    )

    def __init__(self, index: int, contact: Contact, engine: Engine | None) -> None:
        self.index = index
        self.contact = contact
        self.engine = engine
        self.alive = engine is not None
        self.serves = engine is None or engine.serves
        self.adversary: Adversary | None = None
        self.codec: Codec | None = None
        self.nat = 0
        self.holes: dict[int, float] = _NOBODY
        self.side = 0
        self.part = 0
        self.region = 0
        self.wakes_at = math.inf

    def __repr__(self) -> str:
        return f"Node({self.index}, {self.contact.key:x})"

    @property
    def key(self) -> Key:
        """Its key."""
        return self.contact.key

    @property
    def endpoint(self) -> Endpoint:
        """Where it is reached."""
        return self.contact.endpoint
