"""Announces and scrapes over HTTP: URLs as trackers read them, bodies as they write them."""

from __future__ import annotations

import math
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.codec.bencode import encode
from torrent.core.announce import http
from torrent.core.announce.http import (
    announce_url,
    decode_announce_untrusted,
    decode_scrape_untrusted,
    scrape_url,
)
from torrent.core.announce.messages import (
    Announce,
    Event,
    Malformed,
    Peers,
    Refused,
    Tallies,
    Tally,
)

INFOHASH, PEER_ID = bytes(range(250, 256)) + b"&=?#/ %+abcdef", b"-DC0100-0123456789ab"
ANNOUNCE = Announce(INFOHASH, PEER_ID, 6881, 1, 2, 3, Event.STARTED, 50, 0xBEEF)

hosts4 = st.ip_addresses(v=4, network="10.0.0.0/8").map(str)
hosts6 = st.ip_addresses(v=6, network="2001:db8::/32").map(str)
ports = st.integers(1, 65535)


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True, encoding="latin-1"))


def test_the_query_of_an_announce() -> None:
    url = announce_url("http://t.example/announce", ANNOUNCE, b"my id")
    assert url.startswith("http://t.example/announce?info_hash=%FA%FB%FC%FD%FE%FF%26%3D%3F%23%2F")
    assert query_of(url) == {
        "info_hash": INFOHASH.decode("latin-1"),
        "peer_id": PEER_ID.decode(),
        "port": "6881",
        "uploaded": "1",
        "downloaded": "2",
        "left": "3",
        "corrupt": "0",
        "key": "0000BEEF",
        "numwant": "50",
        "compact": "1",
        "no_peer_id": "1",
        "event": "started",
        "trackerid": "my id",
    }


@given(st.binary(min_size=20, max_size=20), st.sampled_from(Event))
def test_infohash_and_event_survive(infohash: bytes, event: Event) -> None:
    fields = query_of(announce_url("http://t/a", Announce(infohash, PEER_ID, 1, event=event)))
    assert fields["info_hash"].encode("latin-1") == infohash
    assert fields.get("event", "none") == event.name.lower()
    assert "trackerid" not in fields


def test_a_passkey_stays_and_a_fragment_goes() -> None:
    url = announce_url("http://t.example/announce?passkey=abc#top", ANNOUNCE)
    assert url.startswith("http://t.example/announce?passkey=abc&info_hash=")
    assert "#" not in url


# BEP 48, "Tracker HTTP Scrape": the table of its examples (that of the older specification).
@pytest.mark.parametrize(
    ("announce", "scrape"),
    [
        ("http://example.com/announce", "http://example.com/scrape"),
        ("http://example.com/x/announce", "http://example.com/x/scrape"),
        ("http://example.com/announce.php", "http://example.com/scrape.php"),
        ("http://example.com/a", None),
        ("http://example.com/announce?x2%0644", "http://example.com/scrape?x2%0644"),
        ("http://example.com/announce?x=2/4", "http://example.com/scrape?x=2/4"),
        ("http://example.com/x%064announce", None),
        ("http://example.com", None),
    ],
)
def test_the_scrape_convention(announce: str, scrape: str | None) -> None:
    assert scrape_url(announce, []) == (
        None if scrape is None else scrape + ("&" if "?" in scrape else "?")
    )


def test_a_scrape_names_its_torrents() -> None:
    url = scrape_url("http://t/announce", [b"a" * 20, b"/" * 20])
    assert url == f"http://t/scrape?info_hash={'a' * 20}&info_hash={'%2F' * 20}"


@given(
    st.lists(st.tuples(hosts4, ports), unique=True), st.lists(st.tuples(hosts6, ports), unique=True)
)
def test_compact_peers_are_read(four: list[tuple[str, int]], six: list[tuple[str, int]]) -> None:
    from dht.mainline.compact import pack_address

    fields = {
        b"interval": 900,
        b"peers": b"".join(map(pack_address, four)),
        b"peers6": b"".join(map(pack_address, six)),
    }
    assert decode_announce_untrusted(encode(fields)) == Peers(900, tuple(four + six))


@given(st.lists(st.tuples(hosts4 | hosts6, ports), unique=True, max_size=20))
def test_peers_in_the_long_form_are_read(peers: list[tuple[str, int]]) -> None:
    listed = [{b"ip": h.encode(), b"peer id": b"x" * 20, b"port": p} for h, p in peers]
    body = encode({b"interval": 900, b"peers": [*listed, 5, {b"ip": 7}, {b"ip": b"10.0.0.1"}]})
    assert decode_announce_untrusted(body) == Peers(900, tuple(peers))


def test_all_that_a_tracker_can_say() -> None:
    body = encode(
        {
            b"complete": 5,
            b"external ip": bytes([203, 0, 113, 9]),
            b"incomplete": 7,
            b"interval": 1800,
            b"min interval": 900,
            b"peers": b"",
            b"tracker id": b"xyz",
            b"warning message": b"mind\nthe gap",
        }
    )
    assert decode_announce_untrusted(body) == Peers(
        1800, (), 900, 5, 7, "203.0.113.9", b"xyz", "mind the gap"
    )


def test_an_external_address_of_ipv6() -> None:
    outcome = decode_announce_untrusted(encode({b"external ip": b"\x20\x01" + bytes(13) + b"\x09"}))
    assert isinstance(outcome, Peers)
    assert outcome.external == "2001::9"


@pytest.mark.parametrize(
    ("fields", "peers"),
    [
        ({}, Peers(1800)),
        ({b"interval": b"900"}, Peers(900)),
        ({b"interval": b"9x"}, Peers(1800)),
        ({b"interval": -5}, Peers(1800)),
        ({b"interval": 10**40}, Peers(1 << 24)),
        ({b"interval": b"9" * 5000}, Peers(1800)),
        ({b"interval": []}, Peers(1800)),
        ({b"complete": {}}, Peers(1800)),
        ({b"peers6": []}, Peers(1800)),
        ({b"external ip": b"12345"}, Peers(1800)),
        ({b"external ip": 4}, Peers(1800)),
        ({b"tracker id": b""}, Peers(1800)),
        ({b"tracker id": b"x" * 1025}, Peers(1800)),
        ({b"warning message": 3}, Peers(1800)),
        ({b"peers": [{b"ip": b"tracker.example", b"port": 5}]}, Peers(1800)),
        ({b"peers": [{b"ip": b"10.0.0.1", b"port": b"5"}]}, Peers(1800)),
    ],
)
def test_what_is_odd_is_passed_over(fields: dict[bytes, Any], peers: Peers) -> None:
    assert decode_announce_untrusted(encode(fields)) == peers


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "not a bencoded dictionary"),
        (b"<html>", "not a bencoded dictionary"),
        (b"le", "not a bencoded dictionary"),
        (b"d5:peers", "not a bencoded dictionary"),
        (b"l" * 100_000, "not a bencoded dictionary"),
        (b"d5:peersi5ee", "`peers`"),
        (b"d5:peersdee", "`peers`"),
        (b"x" * (http.MAX_BODY + 1), "longer than 835584"),
    ],
)
def test_what_no_tracker_should_send(body: bytes, why: str) -> None:
    outcome = decode_announce_untrusted(body)
    assert isinstance(outcome, Malformed)
    assert why in outcome.reason


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({b"failure reason": b"banned"}, Refused("banned")),
        ({b"failure reason": b"busy", b"retry in": 5}, Refused("busy", 300.0)),
        ({b"failure reason": b"busy", b"retry in": b"5"}, Refused("busy", 300.0)),
        ({b"failure reason": b"gone", b"retry in": b"never"}, Refused("gone", math.inf)),
        ({b"failure reason": b"x", b"retry in": []}, Refused("x")),
        ({b"failure reason": 5}, Refused("the tracker refuses, and does not say why")),
    ],
)
def test_refusals(fields: dict[bytes, Any], refused: Refused) -> None:
    assert decode_announce_untrusted(encode(fields)) == refused
    assert decode_scrape_untrusted(encode(fields)) == refused


def test_keys_out_of_order_are_read() -> None:
    assert decode_announce_untrusted(b"d5:peers0:8:intervali60ee") == Peers(60)


def test_a_scrape_is_read() -> None:
    key, odd = b"k" * 20, b"o" * 20
    body = encode(
        {b"files": {key: {b"complete": 1, b"downloaded": 2, b"incomplete": 3}, odd: {}, b"x": 5}}
    )
    assert decode_scrape_untrusted(body) == Tallies({key: Tally(1, 2, 3), odd: Tally()})


@given(st.binary(min_size=20, max_size=20))
def test_infohashes_that_were_taken_for_text(infohash: bytes) -> None:
    body = encode({b"files": {infohash.decode("latin-1").encode(): {b"complete": 1}}})
    assert decode_scrape_untrusted(body) == Tallies({infohash: Tally(1)})


@pytest.mark.parametrize("key", [b"\xff" * 21, "€".encode() * 7])
def test_keys_that_are_no_infohashes(key: bytes) -> None:
    assert decode_scrape_untrusted(encode({b"files": {key: {}}})) == Tallies({key: Tally()})


@pytest.mark.parametrize("body", [b"de", b"d5:filesi1ee"])
def test_a_scrape_without_files(body: bytes) -> None:
    outcome = decode_scrape_untrusted(body)
    assert outcome == Malformed("the tracker's answer has no dictionary `files`")


@given(st.binary(max_size=300))
def test_no_body_makes_it_raise(body: bytes) -> None:
    assert isinstance(decode_announce_untrusted(body), Peers | Refused | Malformed)
    assert isinstance(decode_scrape_untrusted(body), Tallies | Refused | Malformed)
