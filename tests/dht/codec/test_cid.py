import string
from typing import Any

import cid as library
import multibase
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.codec import cid as cids
from dht.codec import multihash, varint
from dht.codec.varint import MalformedError
from tests.vectors import load

VALID = load("cids")["valid"]
CODECS = [cids.RAW, cids.DAG_PB, cids.BENCODE, cids.LIBP2P_KEY, cids.TORRENT_INFO]
BASES = ["base16", "base32", "base36", "base58btc", "base64url", "base32upper"]
LETTERS = string.ascii_letters + string.digits
EMPTY_SHA256 = bytes.fromhex("1220e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")


@pytest.mark.parametrize(("text", "version", "codec", "function", "digest"), VALID)
def test_published_vectors(
    text: str, version: int, codec: str, function: Any, digest: bytes
) -> None:
    found = cids.parse_untrusted(text)
    hashed = multihash.decode_untrusted(found.multihash)
    assert found.version == version
    assert (hashed.code, hashed.digest.hex()) == (function, digest)
    assert cids.decode_untrusted(found.buffer) == found
    if version:
        assert found.buffer.startswith(b"\x01" + varint.encode(codec))


@pytest.mark.parametrize("text", load("cids")["invalid"])
def test_published_wrong_ones(text: str) -> None:
    with pytest.raises(MalformedError):
        cids.parse_untrusted(text)


def test_gives_the_objects_of_the_library() -> None:
    assert isinstance(cids.make(cids.RAW, EMPTY_SHA256), library.CIDv1)
    assert isinstance(cids.decode_untrusted(EMPTY_SHA256), library.CIDv0)


# multicodec table.csv: the numbers of the formats that we name things with.
@pytest.mark.parametrize(
    ("codec", "number"),
    [
        ("raw", 0x55),
        ("dag-pb", 0x70),
        ("bencode", 0x63),
        ("libp2p-key", 0x72),
        ("torrent-info", 0x7B),
    ],
)
def test_numbers_of_formats(codec: str, number: int) -> None:
    assert cids.make(codec, EMPTY_SHA256).buffer == bytes([1, number]) + EMPTY_SHA256


def test_writes_what_people_expect() -> None:
    assert cids.text(cids.make(cids.RAW, EMPTY_SHA256)).startswith("bafkrei")
    assert cids.text(cids.make(cids.DAG_PB, EMPTY_SHA256)).startswith("bafybei")
    assert cids.text(cids.decode_untrusted(EMPTY_SHA256)) == VALID[0][0]
    key = bytes.fromhex(
        "0024080112209e3b433cbd31c2b8a6ebbdca998bd0f4c2141c9c9af5422e976051b1e63af14d"
    )
    # ipfs/specs at 8721f873, src/routing/kad-dht.md.
    expected = "k51qzi5uqu5dk4kbd5bpmklj30q0q8n3091bncahugkx18e84p1od2rk25olsd"
    assert cids.text(cids.make(cids.LIBP2P_KEY, key)) == expected


def test_make_checks_its_arguments() -> None:
    with pytest.raises(MalformedError):
        cids.make(cids.RAW, b"\x12\x20short")
    with pytest.raises(ValueError, match="codec"):
        cids.make("no-such-format", EMPTY_SHA256)


@given(
    st.sampled_from(CODECS),
    st.sampled_from([(0x12, 32), (0x11, 20), (0x00, 5), (0x13, 64)]),
    st.sampled_from(BASES),
    st.binary(min_size=64, max_size=64),
)
def test_round_trips(codec: str, function: Any, base: str, material: bytes) -> None:
    code, length = function
    made = cids.make(codec, multihash.encode(code, material[:length]))
    assert cids.decode_untrusted(made.buffer) == made
    assert cids.parse_untrusted(cids.text(made)) == made
    assert cids.parse_untrusted(made.encode(base).decode()) == made


@given(st.binary(min_size=32, max_size=32))
def test_round_trips_of_version_0(digest: bytes) -> None:
    made = cids.decode_untrusted(b"\x12\x20" + digest)
    assert cids.text(made).startswith("Qm")
    assert cids.parse_untrusted(cids.text(made)) == made


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("", "ends inside"),
        ("00", "no CID of version 0"),
        ("02551220" + "00" * 32, "version 2"),
        ("0155", "ends inside"),
        ("01551220" + "00" * 31, "31 bytes where 32"),
        ("01551220" + "00" * 33, "33 bytes where 32"),
        ("01d5001220" + "00" * 32, "padded"),
        ("0155921220" + "00" * 32, "bytes where|unknown hash"),
        ("01ffffffff7f1220" + "00" * 32, "not in the table"),
        ("1220" + "00" * 31, "31 bytes where 32"),
        ("1220" + "00" * 33, "33 bytes where 32"),
    ],
)
def test_refuses_bytes(written: str, why: str) -> None:
    with pytest.raises(MalformedError, match=why):
        cids.decode_untrusted(bytes.fromhex(written))


def unusual_base32() -> str:
    """The same CID with a stray bit after the last byte."""
    text = cids.text(cids.make(cids.RAW, EMPTY_SHA256))
    alphabet = "abcdefghijklmnopqrstuvwxyz234567"
    return text[:-1] + alphabet[alphabet.index(text[-1]) ^ 1]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Q",
        "b",
        "bafkq",
        "🚀",
        "é",
        "b" * 5000,
        "Qm" + "1" * 44,
        VALID[0][0] + "x",
        VALID[0][0][:-1],
        VALID[0][0] + " ",
        "/ipfs/" + VALID[0][0],
        "12D3KooWLU2znyJMtDiHArqAGbZn8CgUGp92kxDBtefftEEaHSZS",
        multibase.encode("base32", EMPTY_SHA256).decode(),
        multibase.encode("base32", b"\x00" + EMPTY_SHA256).decode(),
        "f" + ("01551220" + "AB" * 32),
        VALID[1][0][:20].upper() + VALID[1][0][20:],
        unusual_base32(),
        "m" + "/ipfs/" * 3,
    ],
)
def test_refuses_text(text: str) -> None:
    with pytest.raises(MalformedError):
        cids.parse_untrusted(text)


def test_an_uppercase_encoding_is_fine_when_it_says_so() -> None:
    text = VALID[1][0]
    assert cids.parse_untrusted(text.upper()) == cids.parse_untrusted(text)


@given(st.binary(max_size=60))
def test_only_the_declared_error_escapes_from_bytes(data: bytes) -> None:
    try:
        found = cids.decode_untrusted(data)
    except MalformedError:
        return
    assert found.buffer == data


@given(
    st.one_of(
        st.text(max_size=40),
        st.builds(str.__add__, st.sampled_from("bkzfmuQ"), st.text(LETTERS, max_size=60)),
        st.binary(max_size=50).map(lambda data: "f01" + data.hex()),
    )
)
def test_only_the_declared_error_escapes_from_text(text: str) -> None:
    try:
        found = cids.parse_untrusted(text)
    except MalformedError:
        return
    assert cids.parse_untrusted(cids.text(found)) == found
