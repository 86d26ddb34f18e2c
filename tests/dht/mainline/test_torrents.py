"""dht.mainline.torrents: names for torrents (BEP 46)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.mainline.items import mutable_key
from dht.mainline.torrents import infohash_value, name_magnet, read_infohash, read_magnet

# BEP 46, "Test Vectors": public key, salt, target id, all hex.
PUBLIC = "8543d3e6115f0f98c944077a4493dcd543e49c739fd998550a1f614ab36ed63e"
VECTORS = [
    ("", "cc3f9d90b572172053626f9980ce261a850d050b"),
    ("6e", "59ee7c2cb9b4f7eb1986ee2d18fd2fdb8a56554f"),
]


@pytest.mark.parametrize(("salt", "target"), VECTORS)
def test_magnet_to_target(salt: str, target: str) -> None:
    link = f"magnet:?xs=urn:btpk:{PUBLIC}" + (f"&s={salt}" if salt else "")
    named = read_magnet(link)
    assert named == (bytes.fromhex(PUBLIC), bytes.fromhex(salt))
    assert mutable_key(*named) == int(target, 16)
    assert name_magnet(*named) == link


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=64))
def test_links_round_trip(public: bytes, salt: bytes) -> None:
    assert read_magnet(name_magnet(public, salt)) == (public, salt)


@pytest.mark.parametrize(
    "link",
    [
        f"MAGNET:?xs=URN:BTPK:{PUBLIC.upper()}",
        f"magnet:?dn=a+name&xs=http://example.org/x&xs=urn:btpk:{PUBLIC}",
        f"magnet:?xt=urn:btih:{'0' * 40}&xs=urn%3Abtpk%3A{PUBLIC}&s=",
    ],
)
def test_other_parameters_and_spellings_do_not_matter(link: str) -> None:
    assert read_magnet(link) == (bytes.fromhex(PUBLIC), b"")


@pytest.mark.parametrize(
    "link",
    [
        "",
        "magnet:",
        "magnet:?xt=urn:btih:" + "0" * 40,
        "magnet:?xs=urn:btpk:",
        f"magnet:?xs=urn:btpk:{PUBLIC[:-2]}",
        f"magnet:?xs=urn:btpk:{PUBLIC}00",
        f"magnet:?xs=urn:btpk:{PUBLIC[:-1]}g",
        f"magnet:?xs=urn:btpk:{PUBLIC}&s=xyz",
        f"magnet:?xs=urn:btpk:{PUBLIC}&s={'00' * 65}",
        f"http://example.org/?xs=urn:btpk:{PUBLIC}",
        f"magnet://[?xs=urn:btpk:{PUBLIC}",
    ],
)
def test_what_names_no_item(link: str) -> None:
    assert read_magnet(link) is None


@given(st.binary(min_size=20, max_size=20))
def test_values_round_trip(infohash: bytes) -> None:
    # BEP 46: "a dictionary with key ih (info hash) and value the 20 byte infohash".
    assert infohash_value(infohash) == b"d2:ih20:" + infohash + b"e"
    assert read_infohash(infohash_value(infohash)) == infohash


@pytest.mark.parametrize("size", [0, 19, 21, 32])
def test_an_infohash_has_20_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="an infohash has 20 bytes"):
        infohash_value(bytes(size))


@pytest.mark.parametrize(
    "value",
    [b"", b"x", b"i1e", b"20:" + bytes(20), b"de", b"d2:ihi1ee", b"d2:ih3:abce", b"d2:ihlee"],
)
def test_a_value_that_names_no_torrent(value: bytes) -> None:
    assert read_infohash(value) is None


def test_more_in_the_value_does_not_matter() -> None:
    assert read_infohash(b"d2:ih20:" + bytes(20) + b"4:name1:xe") == bytes(20)
