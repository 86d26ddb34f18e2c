"""BEP 10's extension handshake: what is believed, what is ignored, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from dht.codec.bencode import encode
from torrent.core.wire import MAX_METADATA, ExtensionHandshake
from torrent.core.wire.greeting import (
    MAX_EXTENSIONS,
    encode_extension_handshake,
    read_extension_handshake,
)
from torrent.errors import WireError

# BEP 10's own example: {m: {LT_metadata: 1, ut_PEX: 2}, p: 6881, v: "µTorrent 1.2"}.
EXAMPLE = "d1:md11:LT_metadatai1e6:ut_PEXi2ee1:pi6881e1:v13:\u00b5Torrent 1.2e".encode()


def read(**fields: Any) -> ExtensionHandshake:
    return read_extension_handshake(encode(fields))


def test_the_example() -> None:
    greeting = ExtensionHandshake(
        extensions={"LT_metadata": 1, "ut_PEX": 2}, port=6881, client="\u00b5Torrent 1.2"
    )
    assert read_extension_handshake(EXAMPLE) == greeting
    assert encode_extension_handshake(greeting) == EXAMPLE


def test_everything_is_optional_and_may_be_unsorted() -> None:
    assert read_extension_handshake(b"de") == ExtensionHandshake()
    assert read_extension_handshake(b"d1:pi1e1:mdee").port == 1


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"p": 0}, {}),
        ({"p": 65536}, {}),
        ({"p": -1}, {}),
        ({"reqq": 0}, {}),
        ({"reqq": 500}, {"reqq": 500}),
        ({"reqq": 10**30}, {"reqq": 65536}),
        ({"metadata_size": 0}, {}),
        ({"metadata_size": MAX_METADATA}, {"metadata_size": MAX_METADATA}),
        ({"upload_only": 1}, {"upload_only": True}),
        ({"upload_only": 0}, {"upload_only": False}),
        ({"yourip": b"\x7f\0\0\1"}, {"yourip": "127.0.0.1"}),
        ({"yourip": bytes(15) + b"\1"}, {"yourip": "::1"}),
        ({"yourip": bytes(10) + b"\xff\xff\x01\x02\x03\x04"}, {"yourip": "1.2.3.4"}),
        ({"yourip": b"12345"}, {}),
        ({"ipv4": bytes(16)}, {}),
        ({"ipv6": bytes(4)}, {}),
        ({"v": b""}, {}),
        ({"v": b"a\x1b[31mb\n\xff"}, {"client": "a[31mb\ufffd"}),
        ({"v": b"x" * 10**6}, {"client": "x" * 64}),
        ({"m": {"ut_pex": 0}}, {"extensions": {"ut_pex": 0}}),
        ({"m": {"n" * 65: 1}}, {}),
        ({"m": {b"\xff": 1}}, {"extensions": {"\ufffd": 1}}),
        ({"e": b"?", "share_mode": [1, {}], "complete_ago": -1}, {}),
    ],
)
def test_what_means_nothing_is_not_said(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    assert read(**fields) == ExtensionHandshake(**expected)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"m": []}, "`m` that is not a dictionary"),
        ({"m": {"ut_pex": b"1"}}, "`m` with a number that is not a byte"),
        ({"m": {"ut_pex": 256}}, "not a byte"),
        ({"m": {"ut_pex": -1}}, "not a byte"),
        ({"v": 1}, "`v` that is not a string"),
        ({"p": b"6881"}, "`p` that is not an integer"),
        ({"reqq": {}}, "`reqq` that is not an integer"),
        ({"upload_only": b"1"}, "`upload_only` that is not an integer"),
        ({"yourip": 1}, "`yourip` that is not a string"),
        ({"metadata_size": b""}, "`metadata_size` that is not an integer"),
        ({"metadata_size": -1}, "`metadata_size` beyond"),
        ({"metadata_size": MAX_METADATA + 1}, "`metadata_size` beyond"),
        ({"metadata_size": 2**31}, "`metadata_size` beyond"),
        ({"metadata_size": 10**4000}, "`metadata_size` beyond"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], fault: str) -> None:
    with pytest.raises(WireError, match=f"extension handshake .*{fault}"):
        read(**fields)


@pytest.mark.parametrize("payload", [b"", b"i1e", b"le", b"d", b"de?", b"d1:m", b"d" * 9000])
def test_what_is_no_dictionary_is_refused(payload: bytes) -> None:
    with pytest.raises(WireError, match="extension handshake is not a bencoded dictionary"):
        read_extension_handshake(payload)


def test_no_more_names_are_remembered_than_anyone_has() -> None:
    crowd = {f"x{number:05}": 1 for number in range(700)}
    assert len(read(m=crowd).extensions) == MAX_EXTENSIONS
