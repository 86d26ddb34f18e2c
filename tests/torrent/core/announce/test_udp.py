"""Datagrams to and from UDP trackers, against the tables of BEP 15 and BEP 41."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tracker_server import url_data
from torrent.core.announce import udp
from torrent.core.announce.messages import Announce, Event, Malformed, Peers, Refused, Tally

INFOHASH, PEER_ID = b"i" * 20, b"p" * 20
ANNOUNCE = Announce(INFOHASH, PEER_ID, 6881, 1, 2, 3, Event.STOPPED, 50, 0xDEADBEEF)

u32 = st.integers(0, (1 << 32) - 1)
u64 = st.integers(0, (1 << 64) - 1)


def test_connect_as_in_the_table() -> None:
    assert udp.encode_connect(0x01020304).hex() == "00000417271019800000000001020304"


def test_announce_as_in_the_table() -> None:
    packet = udp.encode_announce(0x1122334455667788, 0x01020304, ANNOUNCE)
    assert len(packet) == 98
    assert packet[:16].hex() == "11223344556677880000000101020304"
    assert (packet[16:36], packet[36:56]) == (INFOHASH, PEER_ID)
    downloaded, left, uploaded, event = struct.unpack(">QQQI", packet[56:84])
    assert (downloaded, left, uploaded, event) == (2, 3, 1, 3)
    assert packet[84:] == b"\0" * 4 + b"\xde\xad\xbe\xef" + b"\0\0\0\x32" + b"\x1a\xe1"


def test_scrape_as_in_the_table() -> None:
    packet = udp.encode_scrape(1, 2, [b"a" * 20] * 80)
    assert packet[:16] == struct.pack(">QII", 1, 2, 2)
    assert len(packet) == 16 + 74 * 20


@pytest.mark.parametrize(
    ("target", "options"),
    [
        ("", b""),
        # BEP 41's examples.
        ("/dir?a=b&c=d", b"\x02\x0c/dir?a=b&c=d"),
        ("/" + "x" * 299, b"\x02\xff/" + b"x" * 254 + b"\x02\x2d" + b"x" * 45),
    ],
)
def test_options(target: str, options: bytes) -> None:
    assert udp.encode_announce(1, 2, ANNOUNCE, target)[98:] == options


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=1000))
def test_any_target_arrives(target: str) -> None:
    assert url_data(udp.encode_announce(1, 2, ANNOUNCE, target)[98:]) == target


def test_numbers_too_large_for_the_field_are_cut() -> None:
    packet = udp.encode_announce(1, 2, Announce(INFOHASH, PEER_ID, 1, 1 << 70, 1 << 70, 1 << 70))
    assert packet[56:80] == b"\xff" * 24


def test_patience_doubles_eight_times() -> None:
    waits = [udp.patience(n) for n in range(10)]
    assert waits == [15, 30, 60, 120, 240, 480, 960, 1920, 3840, 3840]


@given(u32, u64)
def test_connected(transaction: int, connection: int) -> None:
    data = struct.pack(">IIQ", 0, transaction, connection)
    assert udp.transaction_of(data) == transaction
    # At least 16 bytes: there may be more.
    assert udp.decode_untrusted(data + b"more") == udp.Connected(connection)


@pytest.mark.parametrize(
    ("six", "peers"),
    [(False, (("1.2.3.4", 5), ("6.7.8.9", 10))), (True, (("2001:db8::1", 5),))],
)
def test_announced(six: bool, peers: tuple[tuple[str, int], ...]) -> None:  # noqa: FBT001
    compact = (
        b"\x20\x01\x0d\xb8" + bytes(11) + b"\x01\0\x05"
        if six
        else b"\x01\x02\x03\x04\0\x05\x06\x07\x08\x09\0\x0a"
    )
    data = struct.pack(">IIIII", 1, 9, 1800, 2, 3) + compact + b"??"
    assert udp.decode_untrusted(data, six=six) == Peers(1800, peers, 0, 3, 2)


def test_scraped() -> None:
    data = struct.pack(">II6I", 2, 9, 1, 2, 3, 4, 5, 6) + b"tail"
    assert udp.decode_untrusted(data) == udp.Scraped((Tally(1, 2, 3), Tally(4, 5, 6)))
    assert udp.decode_untrusted(data[:8]) == udp.Scraped(())


def test_scraped_is_bounded() -> None:
    reply = udp.decode_untrusted(struct.pack(">II", 2, 9) + bytes(12 * 100))
    assert isinstance(reply, udp.Scraped)
    assert len(reply.tallies) == 74


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"Access denied", "Access denied"),
        (b"", "the tracker refuses, and does not say why"),
        (b"\x07beep", "beep"),
    ],
)
def test_errors(text: bytes, reason: str) -> None:
    assert udp.decode_untrusted(struct.pack(">II", 3, 9) + text) == Refused(reason)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "shorter than its header"),
        (b"1234567", "shorter than its header"),
        (struct.pack(">II", 0, 1) + b"short", "action 0 has 13 bytes"),
        (struct.pack(">IIII", 1, 1, 1, 1), "action 1 has 16 bytes"),
        (struct.pack(">II", 77, 1), "action 77 has 8 bytes"),
    ],
)
def test_what_no_tracker_should_send(data: bytes, why: str) -> None:
    reply = udp.decode_untrusted(data)
    assert isinstance(reply, Malformed)
    assert why in reply.reason


def test_too_short_to_belong_to_anything() -> None:
    assert udp.transaction_of(b"1234567") is None


@given(st.binary(max_size=200), st.booleans())
def test_no_datagram_makes_it_raise(data: bytes, six: bool) -> None:  # noqa: FBT001
    reply = udp.decode_untrusted(data, six=six)
    assert isinstance(reply, udp.Connected | Peers | udp.Scraped | Refused | Malformed)
