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
from typing import TYPE_CHECKING, Final, TypeAlias

from dht.mainline.compact import key_from
from dht.mainline.tickets import MainlineTickets

if TYPE_CHECKING:
    from dht.core.bucket import Bucket
    from dht.core.engine import Engine
    from dht.core.keys import Key
    from dht.core.messages import Contact
    from dht.mainline.compact import Address
    from dht.mainline.krpc import Krpc

# Every length in the pattern is fixed, so what it matches is well-formed by construction.
recognise: Final = re.compile(
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
"""``recognise(datagram)``: the match that :meth:`Usual.answer` reads, ``None`` if it is unusual."""

_MOST_BUCKETS: Final = 160
"""Buckets whose contacts are kept as written: a table has no more. 300 bytes each."""

_PORT: Final = -2
"""Where the port begins in an address as it travels: a ticket is bound to what stands before."""

Written: TypeAlias = "tuple[tuple[Contact, ...], bytes]"
"""Contacts, and the entry of an answer that lists them."""


class Usual:
    """Answers the usual queries to one engine in one dialect.

    The tickets are those of Mainline, or it answers nothing.
    """

    __slots__ = ("_dialect", "_engine", "_k", "_mint", "_table", "_written")

    def __init__(self, engine: Engine, dialect: Krpc) -> None:
        self._engine = engine
        self._dialect = dialect
        self._k = engine.policy.k
        self._table = engine.table
        tickets = engine.policy.tickets
        self._mint = tickets.mint_raw if isinstance(tickets, MainlineTickets) else None
        self._written: dict[Bucket, Written] = {}

    def answer(
        self, query: re.Match[bytes], address: Address, seen: bytes, now: float
    ) -> bytes | None:
        """The datagram that answers ``query``, or ``None`` if that has to go the general way.

        Args:
            query: What :func:`recognise` made of the datagram.
            address: Where it came from.
            seen: The same in compact form.
            now: Seconds.
        """
        engine, mint, table = self._engine, self._mint, self._table
        if mint is None or not engine.serves or not address[1]:
            return None
        sender, target, get, infohash, number = query.groups()
        wanted = infohash or target
        key = key_from(wanted)
        if (get and key in engine.records) or (infohash and key in engine.providers):
            return None
        # Last, because it notes that the sender lives, and the general way would do so again.
        who = key_from(sender)
        if not table.heard(who, address, now) and not engine.knows(who, address, now):
            return None
        ticket = mint(wanted + seen[:_PORT], now) if get or infohash else None
        bucket = table.bucket(key)
        written = self._written.get(bucket)
        if written is None or written[0] is not bucket.good:
            written = self._write(bucket, key)
        return self._dialect.join_answer(seen, written[1], ticket, number)

    def _write(self, bucket: Bucket, key: Key) -> Written:
        """Write the contacts closest to ``key``; remember it if they are just those of ``bucket``.

        Of a bucket that is not full they are others for each key. Kept by the answer, those would
        push out what is asked for again: keeping by bucket is worth 0.25 us a reply.
        """
        closer = self._table.closest(key, self._k)
        written = closer, self._dialect.write_contacts(closer)
        if closer is bucket.good:
            if len(self._written) >= _MOST_BUCKETS:  # Of a table that took another key (BEP 42).
                self._written.clear()
            self._written[bucket] = written
        return written
