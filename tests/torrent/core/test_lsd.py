"""Local discovery's datagrams: BEP 14's form, and whatever else may arrive."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.core.lsd import (
    GROUP_V4,
    GROUP_V6,
    MAX_DATAGRAM,
    MAX_INFOHASHES,
    LocalAnnounce,
    decode_untrusted,
    encode,
)

A, B = b"\xab" * 20, b"\xcd" * 20


def test_the_form_of_bep_14() -> None:
    (datagram,) = encode(LocalAnnounce(6881, (A, B), "0badcafe"), GROUP_V4)
    assert datagram == (
        b"BT-SEARCH * HTTP/1.1\r\n"
        b"Host: 239.192.152.143:6771\r\n"
        b"Port: 6881\r\n"
        b"Infohash: " + b"ab" * 20 + b"\r\n"
        b"Infohash: " + b"cd" * 20 + b"\r\n"
        b"cookie: 0badcafe\r\n"
        b"\r\n"
        b"\r\n"
    )


def test_the_group_of_ipv6_is_in_brackets() -> None:
    (datagram,) = encode(LocalAnnounce(6881, (A,)), GROUP_V6)
    assert b"Host: [ff15::efc0:988f]:6771\r\n" in datagram


@given(
    st.integers(1, 65535),
    st.lists(st.binary(min_size=20, max_size=20), min_size=1, max_size=50, unique=True),
    st.text("0123456789abcdef", max_size=8),
)
def test_what_is_said_is_heard(port: int, infohashes: list[bytes], cookie: str) -> None:
    datagrams = list(encode(LocalAnnounce(port, tuple(infohashes), cookie), GROUP_V6))
    assert max(map(len, datagrams)) <= MAX_DATAGRAM
    heard = [decode_untrusted(datagram) for datagram in datagrams]
    assert all(some is not None and (some.port, some.cookie) == (port, cookie) for some in heard)
    assert [hash_ for some in heard if some for hash_ in some.infohashes] == infohashes


def test_nothing_to_say() -> None:
    assert list(encode(LocalAnnounce(1, ()), GROUP_V4)) == []


@pytest.mark.parametrize(
    ("lines", "heard"),
    [
        (["PORT:6881", "infohash:" + "AB" * 20], LocalAnnounce(6881, (A,))),
        (["Infohash: " + "ab" * 20, "X: y", "Port: 6881"], LocalAnnounce(6881, (A,))),
        (["Port: 6881", "Infohash: zz", "Infohash: " + "ab" * 20], LocalAnnounce(6881, (A,))),
        (["Port: 6881", "Infohash: " + "zz" * 20], None),
        (["Port: 6881", *["Infohash: " + "ab" * 20] * 2], LocalAnnounce(6881, (A,))),
        (["Port: x", "Port: 5", "Infohash: " + "ab" * 20], LocalAnnounce(5, (A,))),
        (["Port: 6881", "", "Infohash: " + "ab" * 20], None),
        (["Port: 0", "Infohash: " + "ab" * 20], None),
        (["Port: 65536", "Infohash: " + "ab" * 20], None),
        (["Port: " + "9" * 900, "Infohash: " + "ab" * 20], None),
        (["Infohash: " + "ab" * 20], None),
        (["Port: 6881"], None),
        (["Port: 6881", "Infohash: " + "ab" * 20, "cookie: \xff"], LocalAnnounce(6881, (A,), "��")),
        (
            ["Port: 6881", "Infohash: " + "ab" * 20, "cookie: " + "c" * 99],
            LocalAnnounce(6881, (A,), "c" * 64),
        ),
    ],
)
def test_what_is_heard(lines: list[str], heard: LocalAnnounce | None) -> None:
    datagram = "\r\n".join(["BT-SEARCH * HTTP/1.1", *lines, "", ""]).encode()
    assert decode_untrusted(datagram) == heard


def test_headers_without_an_end_are_headers_still() -> None:
    datagram = b"BT-SEARCH * HTTP/1.1\r\nPort: 5\r\nInfohash: " + b"ab" * 20
    assert decode_untrusted(datagram) == LocalAnnounce(5, (A,))


@pytest.mark.parametrize(
    "datagram", [b"", b"M-SEARCH * HTTP/1.1\r\nPort: 5", b"BT-SEARCH * HTTP/1.1\r\n" + b"x" * 1400]
)
def test_what_is_no_announce(datagram: bytes) -> None:
    assert decode_untrusted(datagram) is None


def test_a_crowd_of_infohashes_is_cut() -> None:
    lines = [b"Infohash: " + bytes([n]).hex().encode() * 20 for n in range(25)]
    heard = decode_untrusted(b"\r\n".join([b"BT-SEARCH * HTTP/1.1", b"Port: 5", *lines]))
    assert heard is not None
    assert len(heard.infohashes) == MAX_INFOHASHES


@given(st.binary(max_size=300))
def test_no_datagram_makes_it_raise(data: bytes) -> None:
    decode_untrusted(data)
    decode_untrusted(b"BT-SEARCH * HTTP/1.1\r\n" + data)
