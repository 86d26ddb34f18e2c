"""The packets of BEP 5, section "DHT Queries", and what they ask."""

from __future__ import annotations

from dht.core.messages import (
    Announce,
    FindNode,
    Ping,
    Provider,
    Providers,
)

SENDER = int.from_bytes(b"abcdefghij0123456789", "big")
TARGET = int.from_bytes(b"mnopqrstuvwxyz123456", "big")
SOURCE = ("7.7.7.7", 7777)

# BEP 5, "DHT Queries", the example packets: queries and what they ask.
QUERIES = [
    (b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe", Ping()),
    (
        (
            b"d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e"
            b"1:q9:find_node1:t2:aa1:y1:qe"
        ),
        FindNode(TARGET),
    ),
    (
        (
            b"d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e"
            b"1:q9:get_peers1:t2:aa1:y1:qe"
        ),
        Providers(TARGET),
    ),
    (
        (
            b"d1:ad2:id20:abcdefghij012345678912:implied_porti1e9:info_hash20:mnopqrstuvwxyz123456"
            b"4:porti6881e5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe"
        ),
        Announce(TARGET, Provider(SOURCE), b"aoeusnth"),
    ),
]
