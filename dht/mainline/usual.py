"""The usual queries, answered at a glance.

Nine of ten datagrams that reach a node of Mainline are ``find_node``, ``get_peers`` or ``get`` in
canonical order, without options, for keys the node holds nothing under, from senders it has met.
The answer to those is a bucket's contacts and perhaps a ticket. One pattern recognises such a
query whole and cuts out the parts that vary, and the answer is joined from pieces; no message, no
effect is made on the way.

Whatever is not so usual gets ``None`` and goes the general way (decode, engine, encode), which
can do everything. So this module decides about speed alone: a test holds both ways equal, byte
for byte and in what they do to the table. It is worth having because these queries are nearly
all the work of a node: they cost half as much this way.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from dht.mainline.compact import key_from
from dht.mainline.tickets import MainlineTickets

if TYPE_CHECKING:
    from dht.core.engine import Engine
    from dht.mainline.compact import Address
    from dht.mainline.krpc import Krpc

# Every length in the pattern is fixed, so what it matches is well-formed by construction.
_USUAL: Final = re.compile(
    rb"""
    d1:ad  2:id20: (.{20})
           (?: 6:target20:    (.{20}) e  1:q (?: 9:find_node | 3:(get) )
             | 9:info_hash20: (.{20}) e  1:q     9:get_peers )
    1:t (2:.. | 4:.... | 1:. | 8:.{8})
    (?: 1:v4:.... )?
    1:y1:q e
    """,
    re.DOTALL | re.VERBOSE,
).fullmatch


class Usual:
    """Answers the usual queries to one engine in one dialect.

    The tickets are those of Mainline, or it answers nothing.
    """

    __slots__ = ("_dialect", "_engine", "_k", "_mint")

    def __init__(self, engine: Engine, dialect: Krpc) -> None:
        self._engine = engine
        self._dialect = dialect
        self._k = engine.policy.k
        tickets = engine.policy.tickets
        self._mint = tickets.mint_raw if isinstance(tickets, MainlineTickets) else None

    def answer_untrusted(self, data: bytes, address: Address, now: float) -> bytes | None:
        """The datagram that answers ``data``, or ``None`` if that has to go the general way."""
        match = _USUAL(data)
        engine, mint = self._engine, self._mint
        if match is None or mint is None or not engine.serves or not address[1]:
            return None
        sender, target, get, infohash, number = match.groups()
        ticket = None
        if infohash is not None:
            key = key_from(infohash)
            if key in engine.providers:
                return None
            ticket = mint(infohash, address[0], now)
        else:
            key = key_from(target)
            if get is not None:
                if key in engine.records:
                    return None
                ticket = mint(target, address[0], now)
        # Last, because it notes that the sender lives, and the general way would do so again.
        if not engine.knows(key_from(sender), address, now):
            return None
        closer = engine.table.closest(key, self._k)
        return self._dialect.join_answer(address, number, closer, ticket)
