import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht import names
from dht.codec import cid as cids
from dht.names import AddressError, Kind, Reading

# Debian 12.5 netinst would do as well: any 20 bytes.
SHA1 = bytes.fromhex("8fd2bd1d3dcd5ea6b9d5ee2b1ad9c1c2a7f9d3c4")
SHA1_BASE32 = "R7JL2HJ5ZVPKNOOV5YVRVWOBYKT7TU6E"
KEY = bytes(range(32))
NAME = names.name(KEY)
TORRENT, TORRENT2, ITEM = names.torrent(SHA1), names.torrent(KEY), names.item_of(SHA1)
QM = "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (str(TORRENT), TORRENT),
        (f"  {TORRENT}\n", TORRENT),
        (str(ITEM), ITEM),
        (str(NAME), NAME),
        (f"{NAME}/", NAME),
        (f"{NAME}/blog", NAME.with_salt(b"blog")),
        (f"{NAME}/a/b%2Fc%00", NAME.with_salt(b"a/b/c\0")),
        (f"{NAME}/100%", NAME.with_salt(b"100%")),
        (f"{NAME}/käse", NAME.with_salt("käse".encode())),
        (f"{NAME}/\udcff", NAME.with_salt(b"\xff")),
        (f"/ipns/{NAME}", NAME),
        (f"ipns://{NAME}/blog", NAME.with_salt(b"blog")),
        (f"/ipns/{NAME.peer_id}", NAME),
        (f"/p2p/{NAME.peer_id}", NAME),
        (NAME.peer_id, NAME),
        (cids.text(NAME.cid).upper(), NAME),
        (f"/ipfs/{QM}", names.parse(QM)),
        (f"ipfs://{QM}/", names.parse(QM)),
        (f"magnet:?xt=urn:btih:{SHA1.hex()}", TORRENT),
        (f"MAGNET:?dn=a+file&xt=urn:btih:{SHA1.hex().upper()}&tr=udp%3A%2F%2Ft", TORRENT),
        (f"magnet:?xt=urn:btih:{SHA1_BASE32}", TORRENT),
        (f"magnet:?xt=urn:btih:{SHA1_BASE32.lower()}", TORRENT),
        (f"magnet:?xt.1=urn:btih:{SHA1.hex()}", TORRENT),
        (f"magnet:?xt=urn:btmh:1220{KEY.hex()}", TORRENT2),
        (f"magnet:?xt=urn:sha1:ABC&xt=urn:btmh:1220{KEY.hex()}", TORRENT2),
        (f"magnet:?xs=urn:btpk:{KEY.hex()}", NAME),
        (f"magnet:?xs=urn:btpk:{KEY.hex()}&s=6e", NAME.with_salt(b"n")),
        (f"urn:btih:{SHA1.hex()}", TORRENT),
        (f"URN:BTIH:{SHA1_BASE32}", TORRENT),
        ("f01631114" + SHA1.hex(), ITEM),
    ],
)  # fmt: skip
def test_forms_that_say_what_they_are(text: str, expected: names.Address) -> None:
    assert names.parse(text) == expected


# What bare digits mean: 40 hexadecimal, 32 base32, 64 hexadecimal.
@pytest.mark.parametrize(
    ("text", "as_", "expected"),
    [
        (SHA1.hex(), "infohash", TORRENT),
        (SHA1.hex(), "item", ITEM),
        (SHA1.hex().upper(), "item", ITEM),
        (SHA1_BASE32, "infohash", TORRENT),
        (SHA1_BASE32, "item", ITEM),
        (KEY.hex(), "infohash", TORRENT2),
        (KEY.hex(), "key", NAME),
    ],
)
def test_the_user_decides(text: str, as_: str, expected: names.Address) -> None:
    assert names.parse(text, as_) == expected
    assert names.parse(text, expect=[Reading(as_)]) == expected


@pytest.mark.parametrize(("digits", "code"), [(SHA1, "1114"), (KEY, "1220")])
def test_a_digest_of_anything(digits: bytes, code: str) -> None:
    found = names.parse(digits.hex(), "cid")
    assert found.kind is Kind.CONTENT
    assert found.cid.buffer.hex() == "0155" + code + digits.hex()


def test_the_verb_decides_when_the_user_does_not() -> None:
    wanted_by_get = [Reading.ITEM, Reading.KEY]
    assert names.parse(SHA1.hex(), expect=wanted_by_get) == ITEM
    assert names.parse(KEY.hex(), expect=wanted_by_get) == NAME
    assert names.parse(SHA1.hex(), "infohash", expect=wanted_by_get) == TORRENT


def test_nothing_is_guessed() -> None:
    with pytest.raises(AddressError, match="infohash or the key of an immutable item") as caught:
        names.parse(SHA1.hex())
    assert caught.value.hint == "say which with --as infohash or --as item"
    with pytest.raises(AddressError, match="infohash or a public key"):
        names.parse(KEY.hex(), expect=[Reading.INFOHASH, Reading.KEY, Reading.ITEM])


@pytest.mark.parametrize(
    ("text", "as_", "why"),
    [
        (SHA1.hex(), "key", "cannot be a public key: that takes 64 hexadecimal"),
        (KEY.hex(), "item", "cannot be the key of an immutable item: that takes 40"),
        (str(NAME), "infohash", "says itself that it is a name"),
        (str(TORRENT), "item", "says itself that it is a torrent"),
        (str(ITEM), "key", "says itself that it is an immutable item"),
        (str(TORRENT), "torrent", "nothing can be read as 'torrent'"),
    ],
)
def test_contradictions(text: str, as_: str, why: str) -> None:
    with pytest.raises(AddressError, match=why) as caught:
        names.parse(text, as_)
    assert caught.value.hint


def test_any_cid_may_be_read_as_a_cid() -> None:
    assert names.parse(QM, "cid").kind is Kind.CONTENT
    assert names.parse(str(NAME), "cid") == NAME


def test_qm_is_content_unless_a_key_is_asked_for() -> None:
    assert names.parse(QM).kind is Kind.CONTENT
    assert names.parse(QM, "key").kind is names.parse(f"/ipns/{QM}").kind is Kind.NAME


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "neither empty"),
        ("   ", "neither empty"),
        ("x" * 20_000, "nor this long"),
        ("hello", "is not an address"),
        ("notes.txt", "is not an address"),
        ("8fd2bd1d", "8 hexadecimal digits, where"),
        (SHA1.hex()[:-1], "39 hexadecimal digits"),
        (KEY.hex() + "0", "65 hexadecimal digits"),
        ("f01551220", "is not an address"),
        (f"{TORRENT}/blog", "only a name has something after a slash"),
        (f"/ipfs/{QM}/index.html", "only a name has something after a slash"),
        (f"/ipns/{TORRENT}", "followed by a name, and this is a torrent"),
        ("/ipns/example.org", "is not an address"),
        (f"{NAME}/" + "x" * 65, "64 is the most"),
        (f"{NAME}/\ud800", "is not an address"),
        ("12D3KooWLU2znyJMtDiH", "is not an address"),
        ("magnet:?dn=only+a+name", "no topic of BitTorrent"),
        ("magnet:", "no topic of BitTorrent"),
        ("magnet:?xt=urn:ed2k:31D6CFE0D16AE931B73C59D7E0C089C0", "no topic of BitTorrent"),
        ("magnet:?xt=urn:btih:123", "urn:btih:123 is malformed"),
        ("magnet:?xt=urn:btih:zz", "malformed"),
        ("urn:btih:", "come 40 hexadecimal digits, or 32 of base32 .A to Z, 2 to 7., and not noth"),
        (f"urn:btih:{'a' * 39}", "and not 39 hexadecimal digits"),
        (f"urn:btih:{'ab' * 32}", "and not 64 hexadecimal digits"),
        (f"urn:btih:{'zz' * 20}", "and not 40 characters"),
        (f"urn:btih:{'A' * 31}1", "and not 32 hexadecimal digits"),
        (f"urn:btih:{'A' * 31}0", "and not 32 hexadecimal digits"),
        ("urn:btmh:", "after urn:btmh: come hexadecimal digits, and not nothing"),
        (f"urn:btmh:1220{'zz' * 32}", "and not 68 characters"),
        ("magnet:?xt=urn:btmh:1114" + SHA1.hex(), "whole sha2-256"),
        ("magnet:?xt=urn:btmh:1214" + SHA1.hex(), "whole sha2-256"),
        (f"magnet:?xs=urn:btpk:{KEY.hex()}&s=zz", "malformed"),
        (f"magnet:?xs=urn:btpk:{SHA1.hex()}", "32 bytes, not 20"),
        ("magnet:?" + "xt=1&" * 2000, "more than 1000 fields"),
        ("urn:isbn:0451450523", "kind of URN"),
        ("urn:", "kind of URN"),
    ],
)
def test_says_what_is_wrong(text: str, why: str) -> None:
    with pytest.raises(AddressError, match=why):
        names.parse(text)


def test_an_error_does_not_flood_or_steer_the_terminal() -> None:
    with pytest.raises(AddressError) as caught:
        names.parse("\x1b[2J" + "x" * 1000)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 120


def test_hybrid_magnets_have_two_addresses() -> None:
    link = f"magnet:?xt=urn:btmh:1220{KEY.hex()}&xt=urn:btih:{SHA1.hex()}&dn=x"
    assert names.parse_magnet(link) == (TORRENT, TORRENT2)
    assert names.parse(link) == TORRENT


def test_a_short_cid_is_not_taken_for_an_infohash() -> None:
    text = cids.text(cids.make(cids.RAW, b"\x00\x0f" + b"fifteen letters"))
    assert len(text) == 32
    assert names.parse(text).digest == b"fifteen letters"


@given(
    st.one_of(
        st.text(max_size=70),
        st.text("0123456789abcdefABCDEF", min_size=30, max_size=70),
        st.text(max_size=40).map("magnet:?xt=urn:btih:".__add__),
        st.text(max_size=40).map(f"magnet:?xs=urn:btpk:{KEY.hex()}&s=".__add__),
        st.text(max_size=70).map(f"{NAME}/".__add__),
        st.text(max_size=70).map("ipfs://".__add__),
    ),
    st.sampled_from([None, *Reading]),
)
def test_only_the_declared_error_escapes(text: str, as_: str | None) -> None:
    with contextlib.suppress(AddressError):
        found = names.parse(text, as_)
        assert names.parse(str(found)) == found
