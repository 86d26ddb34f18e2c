"""What BEP 44 refuses is refused with its code and stores nothing, on a real socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dht.codec.bencode import encode
from dht.mainline.items import immutable_record, sign_record, signed_bytes
from dht.node.node import Node
from tests.dht.node.peers import alone
from tests.dht.node.raw import SIGNER, engine_of, message, put, raw, ticket

if TYPE_CHECKING:
    from dht.core.messages import Record


def long_salt() -> Record:
    return sign_record(SIGNER, b"1:v", 1, b"s" * 65)


HELD = sign_record(SIGNER, b"4:held", 5)
REFUSED: list[tuple[str, Record, dict[str, Any], int]] = [
    ("wrong ticket", immutable_record(b"1:v"), {"token": b"wrong"}, 203),
    ("no ticket", immutable_record(b"1:v"), {"token": b""}, 203),
    ("bad signature", sign_record(SIGNER, b"3:new", 6), {"sig": b"f" * 64}, 206),
    ("signature of another value", sign_record(SIGNER, b"3:new", 6), {"v": b"old"}, 206),
    ("old seq", sign_record(SIGNER, b"3:old", 4), {}, 302),
    ("same seq, other value", sign_record(SIGNER, b"5:other", 5), {}, 302),
    ("failed cas", sign_record(SIGNER, b"3:new", 6), {"cas": 4}, 301),
    ("salt too long", long_salt(), {}, 207),
    ("value too long", immutable_record(encode(b"x" * 997)), {}, 205),
    ("signed value too long", sign_record(SIGNER, encode(b"x" * 997), 6), {}, 205),
]


@pytest.mark.parametrize(
    ("name", "record", "changes", "code"), REFUSED, ids=[case[0] for case in REFUSED]
)
async def test_what_bep_44_refuses_is_refused_with_its_code_and_not_stored(
    name: str, record: Record, changes: dict[str, Any], code: int
) -> None:
    async with Node(alone()) as node:
        with raw(node.addresses[0]) as writer:
            assert b"r" in message(await writer.ask(put(HELD, await ticket(writer, HELD))))
            answer = message(await writer.ask(put(record, await ticket(writer, record), **changes)))
        records = engine_of(node).records
        assert answer[b"e"][0] == code, name
        assert len(records) == 1
        assert records.get(HELD.key) == HELD


async def test_the_largest_that_is_allowed_is_taken() -> None:
    """1000 bytes of value and 64 of salt are inside the limits, and a cas that fits passes."""
    async with Node(alone()) as node:
        with raw(node.addresses[0]) as writer:
            for record in (
                immutable_record(encode(b"x" * 996)),
                sign_record(SIGNER, encode(b"x" * 996), 1, b"s" * 64),
                HELD,
            ):
                data = put(record, await ticket(writer, record))
                assert b"r" in message(await writer.ask(data))
            newer = sign_record(SIGNER, b"5:newer", 6)
            data = put(newer, await ticket(writer, newer), cas=5)
            assert b"r" in message(await writer.ask(data))
        assert len(engine_of(node).records) == 3
    assert signed_bytes(b"1:v", 1).startswith(b"3:seq")


async def test_a_ticket_is_for_one_address_and_one_key() -> None:
    one, other = immutable_record(b"3:one"), immutable_record(b"5:other")
    async with Node(alone()) as node:
        with raw(node.addresses[0]) as owner, raw(node.addresses[0], "127.0.0.9") as thief:
            token = await ticket(owner, one)
            assert message(await thief.ask(put(one, token)))[b"e"][0] == 203
            assert message(await owner.ask(put(other, token)))[b"e"][0] == 203
            assert len(engine_of(node).records) == 0
            assert b"r" in message(await owner.ask(put(one, token)))
