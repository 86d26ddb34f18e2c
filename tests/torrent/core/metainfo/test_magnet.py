from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.names import parse_magnet
from tests.handmade import FILES, hybrid_torrent, several, torrent
from torrent.core.metainfo import Magnet, read_magnet, read_metainfo
from torrent.core.metainfo.magnet import MAX_FIELDS, MAX_TEXT
from torrent.errors import MetainfoError

SHA1, SHA256 = bytes(range(20)), bytes(range(32))
BTIH, BTMH = "xt=urn:btih:" + SHA1.hex(), "xt=urn:btmh:1220" + SHA256.hex()


def read(*fields: str) -> Magnet:
    return read_magnet("magnet:?" + "&".join(fields))


def test_infohashes() -> None:
    assert read(BTIH) == Magnet(SHA1)
    assert read(BTMH) == Magnet(None, SHA256)
    assert str(Magnet(None, SHA256)) == "magnet:?" + BTMH
    assert read(BTMH, BTIH) == Magnet(SHA1, SHA256)
    assert read("xt=urn:btih:" + base64.b32encode(SHA1).decode()) == Magnet(SHA1)
    assert read("xt=urn:btih:" + base64.b32encode(SHA1).decode().lower()) == Magnet(SHA1)
    assert read("xt.1=urn:sha1:ABC", "xt.2" + BTIH[2:]) == Magnet(SHA1)
    assert read("xt=urn%3Abtih%3A" + SHA1.hex()) == Magnet(SHA1)
    assert read("xt=urn:btih:" + "a" * 40, BTIH) == Magnet(SHA1)
    assert read_magnet(f" MAGNET:?XT=URN:BTIH:{SHA1.hex().upper()}\n") == Magnet(SHA1)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", "magnet"),
        ("http://a/", "magnet"),
        ("magnet:", "magnet"),
        ("magnet:?" + "x" * MAX_TEXT, "magnet"),
        ("magnet:?", "magnet.xt"),
        ("magnet:?dn=x", "magnet.xt"),
        ("magnet:?xt=urn:sha1:ABC", "magnet.xt"),
        ("magnet:?xt=urn:btih:", "magnet.xt"),
        ("magnet:?xt=urn:btih:" + "a" * 39, "magnet.xt"),
        ("magnet:?xt=urn:btih:" + "g" * 40, "magnet.xt"),
        ("magnet:?xt=urn:btih:" + "1" * 32, "magnet.xt"),
        ("magnet:?xt=urn:btmh:" + "a" * 64, "magnet.xt"),
        ("magnet:?xt=urn:btmh:1220" + "a" * 62, "magnet.xt"),
        ("magnet:?xt=urn:btmh:1114" + "a" * 40, "magnet.xt"),
        (f"magnet:?{BTIH}&xt=urn:btih:zz", "magnet.xt"),
        ("magnet:?" + "x&" * MAX_FIELDS + BTIH, "magnet.xt"),
    ],
)
def test_links_to_nothing(text: str, field: str) -> None:
    with pytest.raises(MetainfoError) as caught:
        read_magnet(text)
    assert caught.value.field == field


def test_hints() -> None:
    found = read(
        BTIH,
        "dn=a+name%20%C3%BC",
        "xl=12345",
        "tr=udp%3A%2F%2Fa%3A80",
        "tr.2=http://b/",
        "tr=http://b/",
        "ws=https%3A%2F%2Fc%2Fx%20y",
        "x.pe=127.0.0.1:80",
        "x.pe=[::1]:6881",
        "x.pe=host.example:9",
        "so=0,2,4-6",
    )
    assert found.name == "a name ü"
    assert found.length == 12345
    assert found.trackers == ("udp://a:80", "http://b/")
    assert found.web_seeds == ("https://c/x%20y",)
    assert found.peers == (("127.0.0.1", 80), ("::1", 6881), ("host.example", 9))
    assert found.select == (range(1), range(2, 3), range(4, 7))
    assert [index for index in range(9) if found.selects(index)] == [0, 2, 4, 5, 6]


def test_hints_of_no_use_are_passed_over() -> None:
    found = read(
        BTIH,
        "xl=many",
        "xl=-1",
        "tr=wss://x",
        "tr=",
        "ws=file:///etc/passwd",
        "x.pe=nowhere",
        "x.pe=a:0",
        "x.pe=a:65536",
        "x.pe=::1:80",
        "x.pe=[::1]",
        "so=,-1,3-,x,5-4,99999999",
        "unknown",
        "=",
        "dn",
    )
    assert found == Magnet(SHA1)
    assert found.selects(7)
    # But what may have been meant is told. An empty field is nothing, and browsers have their own.
    assert found.ignored == (
        ("ws", "file:///etc/passwd"),
        ("x.pe", "nowhere"),
        ("x.pe", "a:0"),
        ("x.pe", "a:65536"),
        ("x.pe", "::1:80"),
        ("x.pe", "[::1]"),
        ("so", "-1"),
        ("so", "3-"),
        ("so", "x"),
        ("so", "5-4"),
        ("so", "99999999"),
        ("xl", "many"),
        ("xl", "-1"),
    )


def test_what_makes_sense_is_not_ignored() -> None:
    found = read(BTIH, "tr=ftp://t/", "tr=http://t/", "so=1,1,2-3,no", "xl=5", "xl=6", "x.pe=a:1")
    assert found.ignored == (("tr", "ftp://t/"), ("so", "no"))
    assert (found.trackers, found.peers, found.length) == (("http://t/",), (("a", 1),), 5)
    assert found.select == (range(1, 2), range(2, 4))
    assert str(found) == str(read_magnet(str(found)))
    assert not read_magnet(str(found)).ignored


def test_a_range_of_a_million_files_is_a_range() -> None:
    assert read(BTIH, "so=0-9999999").select == (range(10_000_000),)


def test_names_in_the_dht() -> None:
    magnet = read(BTIH, BTMH)
    assert magnet.infohashes == (SHA1, SHA256[:20])
    assert magnet.cids == tuple(address.cid for address in parse_magnet(str(magnet)))


def test_links_of_torrents() -> None:
    found = read_metainfo(torrent(several(FILES), announce=b"http://a/", url_list=b"x"))
    magnet = Magnet.of(found)
    assert magnet == Magnet(found.info.infohash_v1, None, "top", ("http://a/",), length=100_500)
    both = read_metainfo(hybrid_torrent(FILES)).info
    assert Magnet.of(both).infohashes == both.infohashes
    assert str(Magnet.of(both)) == (
        f"magnet:?xt=urn:btih:{(both.infohash_v1 or b'').hex()}"
        f"&xt=urn:btmh:1220{(both.infohash_v2 or b'').hex()}&dn=top&xl=100500"
    )


urls = st.sampled_from(["http://a/", "https://b:8/x%20y?z=1&w=2", "http://[::1]:80/+"])
ports = st.integers(1, 65535)
magnets = st.builds(
    Magnet,
    st.binary(min_size=20, max_size=20),
    st.none() | st.binary(min_size=32, max_size=32),
    st.text(st.characters(codec="utf-8"), max_size=20),
    st.lists(urls | st.just("udp://c:1"), unique=True).map(tuple),
    st.lists(urls, unique=True).map(tuple),
    st.lists(
        st.tuples(st.sampled_from(["127.0.0.1", "::1", "a.example"]), ports),
        unique=True,
        max_size=3,
    ).map(tuple),
    st.lists(
        st.tuples(st.integers(0, 99), st.integers(1, 9)).map(lambda r: range(r[0], sum(r))),
        unique=True,
        max_size=3,
    ).map(tuple),
    st.none() | st.integers(0, 10**15 - 1),
)


@given(magnets)
def test_what_is_written_is_read(magnet: Magnet) -> None:
    assert read_magnet(str(magnet)) == magnet


@given(st.text(max_size=100))
def test_only_the_declared_error_leaves(text: str) -> None:
    for link in (text, "magnet:?" + text, f"magnet:?{BTIH}&{text}", f"magnet:?xt=urn:btih:{text}"):
        try:
            read_magnet(link)
        except MetainfoError as error:
            assert error.field.startswith("magnet")  # noqa: PT017


PUBLISHER = "xs=urn:btpk:" + SHA256.hex()


def test_whose_name_leads_to_newer_versions() -> None:
    found = read(BTIH, PUBLISHER, "s=73697465")
    assert found.publisher is not None
    assert (found.publisher.public_key, found.publisher.salt) == (SHA256, b"site")
    assert str(found) == f"magnet:?{BTIH}&{PUBLISHER}&s=73697465"
    assert read_magnet(str(found)) == found
    plain = read(BTIH, "xs=http://a/", PUBLISHER)
    assert str(plain) == f"magnet:?{BTIH}&{PUBLISHER}"


@pytest.mark.parametrize(
    "fields",
    [("xs=urn:btpk:00",), (PUBLISHER, "s=0"), (PUBLISHER, "s=" + "00" * 65), ("xs=urn:btih:x",)],
)
def test_a_name_of_no_use_is_passed_over(fields: tuple[str, ...]) -> None:
    assert read(BTIH, *fields) == Magnet(SHA1)
