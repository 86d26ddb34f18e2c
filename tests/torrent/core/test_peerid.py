"""Peer ids: ours, and what others' say; libtorrent is asked for a second opinion."""

from __future__ import annotations

import re
import warnings
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.core.peerid import client_name, make_peer_id

# Seen on the wire, or from BEP 20 and the clients' own sources.
NAMES = [
    (b"-qB5012-", "qBittorrent 5.0.1.2"),
    (b"-TR3000-", "Transmission 3.0.0"),
    (b"-TR410Z-", "Transmission 4.1.0.35"),
    (b"-LT2110-", "libtorrent 2.1.1"),
    (b"-lt0D60-", "rTorrent 0.13.6"),
    (b"-BI3400-", "BiglyBT 3.4.0"),
    (b"-DE2110-", "Deluge 2.1.1"),
    (b"-WW0102-", "WebTorrent 0.1.0.2"),
    (b"-KT2210-", "KTorrent 2.2.1"),
    (b"-ZZ1234-", "ZZ 1.2.3.4"),  # nobody we know, by the rules
    (b"M7-4-3--", "Mainline 7.4.3"),
    (b"M7-10-3-", "Mainline 7.10.3"),
    (b"S58B-----", "Shadow 5.8.11"),
    (b"T03I-----", "BitTornado 0.3.18"),
    (b"TIX0276-", "Tixati"),
    (b"XBT054d-", "XBT"),
]
AGREED = NAMES[:14]
"""libtorrent reads these alike; the two loners it names alike too, but see below."""

LONERS = [(b"A2-1-36-0-", "aria2"), (b"OP1234", "Opera"), (b"exbc\1\2LORD", "BitComet")]


def padded(start: bytes) -> bytes:
    return start + b"x" * (20 - len(start))


@pytest.mark.parametrize(("start", "name"), NAMES + LONERS)
def test_names(start: bytes, name: str) -> None:
    assert client_name(padded(start)) == name


@pytest.mark.parametrize(("start", "name"), AGREED)
def test_libtorrent_agrees(start: bytes, name: str) -> None:
    lt = pytest.importorskip("libtorrent")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert lt.identify_client(lt.sha1_hash(padded(start))) == name


@pytest.mark.parametrize(
    "peer_id", [bytes(20), b"x" * 20, b"-qB5012_" + b"x" * 12, b"-q\x0050012-" + b"x" * 11, b""]
)
def test_who_follows_no_convention_is_unknown(peer_id: bytes) -> None:
    assert client_name(peer_id) == "unknown"


@given(st.binary(max_size=20) | st.binary(max_size=12).map(lambda rest: b"-" + rest + b"-"))
def test_any_name_can_be_shown(peer_id: bytes) -> None:
    name = client_name(peer_id)
    assert name.isprintable()
    assert 0 < len(name) < 40


def test_ours() -> None:
    rng = Random(1)
    mine, other = make_peer_id(rng), make_peer_id(rng)
    assert mine != other
    assert make_peer_id(Random(1)) == mine
    assert re.fullmatch(rb"-DH0100-[A-Za-z0-9]{12}", mine)
    assert client_name(mine) == "dhtctl 0.1.0"
