"""How large replies are, and what somebody gains who forges the address they go to."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, cast

import pytest
import trio

from dht.codec.bencode import encode
from dht.core.keys import Key
from dht.core.messages import Contact, Provider
from dht.mainline.items import sign_record
from dht.node.limits import UNLIMITED
from dht.node.node import Node
from tests.dht.node.peers import alone, query
from tests.dht.node.raw import SIGNER, TARGET, engine_of, message, raw

if TYPE_CHECKING:
    from dht.core.messages import FindNode


def furnish(node: Node) -> None:
    """Fill both tables, and hold a swarm and a record as large as they may be under ``TARGET``."""
    now = trio.current_time()
    for index, host in ((0, "127.{}.1.1"), (1, "2001:{:x}::1")):
        engine = engine_of(node, index)
        for number in range(1, 60):
            key = Key(Random(number).getrandbits(160))
            engine.table.answered(Contact(key, (host.format(number), 6881)), 0.01, now)
        for number in range(1, 200):
            peer = Provider((host.format(number), 6881))
            engine.providers.add(Key(int.from_bytes(TARGET, "big")), peer, now)
    largest = sign_record(SIGNER, encode(b"x" * 996), 2**63 - 1)
    for index in (0, 1):
        engine_of(node, index).records.put(largest, now)


LARGEST = sign_record(SIGNER, encode(b"x" * 996), 2**63 - 1)
BOTH = [b"n4", b"n6"]


@pytest.mark.parametrize(("index", "host"), [(0, "127.0.0.2"), (1, "::1")])
async def test_replies_fit_their_limits_and_drop_contacts_first(index: int, host: str) -> None:
    listen = (("127.0.0.1", 0), ("::1", 0))
    async with Node(alone(listen=listen, limits=UNLIMITED)) as node:
        furnish(node)
        ours = (b"nodes", b"nodes6")[index]
        with raw(node.addresses[index], host) as asker:
            long = b"n" * 64  # the longest transaction number that is repeated
            plain = [
                query(b"find_node", long, target=TARGET, want=BOTH),
                query(b"get_peers", long, info_hash=TARGET, want=BOTH, scrape=1),
                query(b"get_peers", long, info_hash=TARGET, want=BOTH),
                query(b"sample_infohashes", long, target=TARGET, want=BOTH),
                query(b"get", long, target=TARGET, want=BOTH),
                query(b"unheard_of", long, target=TARGET, want=BOTH),
            ]
            for data in plain:
                answer = await asker.ask(data)
                assert len(answer) <= 1024
                assert b"r" in message(answer)
            peers = message(await asker.ask(plain[2]))[b"r"]
            assert len(peers[b"values"]) >= 24
            assert len(peers[ours]) > 0
            target = LARGEST.key.to_bytes(20, "big")
            answer = await asker.ask(query(b"get", long, target=target, want=BOTH))
            assert 1024 < len(answer) <= 1400
            fields = message(answer)[b"r"]
            assert encode(fields[b"v"]) == LARGEST.value
            assert (fields[b"sig"], fields[b"seq"]) == (LARGEST.signature, LARGEST.seq)
            assert len(fields.get(ours, b"")) < 8 * (26, 38)[index]  # contacts went first


@pytest.mark.parametrize(
    ("want", "families"),
    [
        (None, {b"nodes"}),
        ([b"n4"], {b"nodes"}),
        ([b"n6"], {b"nodes6"}),
        (BOTH, {b"nodes", b"nodes6"}),
        ([b"n9"], {b"nodes"}),
    ],
)
async def test_each_family_wanted_is_answered(want: Any, families: set[bytes]) -> None:
    """BEP 32; the engines have to go by the dialect's names for the families."""
    listen = (("127.0.0.1", 0), ("::1", 0))
    async with Node(alone(listen=listen)) as node:
        furnish(node)
        with raw(node.addresses[0]) as asker:
            asked = {"target": TARGET} | ({} if want is None else {"want": want})
            fields = message(await asker.ask(query(b"find_node", **asked)))[b"r"]
        sizes = {name: len(fields[name]) for name in (b"nodes", b"nodes6") if name in fields}
        assert sizes == {name: 8 * (26 if name == b"nodes" else 38) for name in families}
        walk = engine_of(node)._planner.walk(1, Key(1), 0.0)
        assert cast("FindNode", walk.request).families == {"ipv4", "ipv6"}


REFLECTION = [
    (query(), 1.5),
    (query(b"find_node", target=TARGET), 3.5),
    (query(b"get", target=TARGET), 3.6),
    (query(b"get_peers", info_hash=TARGET), 9.0),
    (query(b"sample_infohashes", target=TARGET), 3.6),
    (query(b"find_node", target=TARGET, want=BOTH), 7.0),
    (query(b"get", target=LARGEST.key.to_bytes(20, "big")), 17.0),
    (query(b"find_node"), 2.0),
    (b"d1:t0:1:y1:qe", 6.5),
]
"""Requests and the most their replies may be longer, as a factor. BEP 5 has no handshake, so who
forges a source address gets this much for each byte; tokens per source (50 a second) bound how
much of it one victim gets from us: 16 kB/s in answers to find_node."""


@pytest.mark.parametrize(("request_", "ratio"), REFLECTION)
async def test_what_a_forged_source_gains_is_bounded(request_: bytes, ratio: float) -> None:
    async with Node(alone(listen=(("127.0.0.1", 0), ("::1", 0)))) as node:
        furnish(node)
        with raw(node.addresses[0]) as victim:
            answer = await victim.ask(request_)
            assert len(answer) <= ratio * len(request_)


async def test_find_node_of_92_bytes_is_answered_with_at_most_320() -> None:
    request = query(b"find_node", target=TARGET)
    assert len(request) == 92
    async with Node(alone(listen=(("127.0.0.1", 0), ("::1", 0)))) as node:
        furnish(node)
        with raw(node.addresses[0]) as asker:
            answer = await asker.ask(request)
            assert len(message(answer)[b"r"][b"nodes"]) == 8 * 26  # a full answer
            assert len(answer) <= 320
