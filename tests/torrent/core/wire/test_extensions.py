"""Extension messages: tables of names and numbers, and the short messages."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.messages import extension_messages
from torrent.core.wire import (
    EXTENSION_IDS,
    Decoder,
    DontHave,
    Extended,
    ExtensionHandshake,
    Holepunch,
    HolepunchKind,
    MetadataRequest,
    Pex,
    UploadOnly,
    encode_extended,
    read_extended,
)
from torrent.errors import WireError

if TYPE_CHECKING:
    from torrent.core.wire import ExtensionMessage


@given(extension_messages())
def test_what_is_said_by_our_numbers_is_understood(said: ExtensionMessage) -> None:
    data = encode_extended(said, EXTENSION_IDS)
    assert data is not None
    (message,) = Decoder().receive(data)
    assert isinstance(message, Extended)
    assert read_extended(message) == said


@pytest.mark.parametrize(
    ("said", "name", "payload"),
    [
        (DontHave(0x01020304), "lt_donthave", b"\1\2\3\4"),
        (UploadOnly(flag=True), "upload_only", b"\1"),
        (UploadOnly(flag=False), "upload_only", b"\0"),
        # BEP 9's example.
        (MetadataRequest(0), "ut_metadata", b"d8:msg_typei0e5:piecei0ee"),
        (
            Holepunch(HolepunchKind.CONNECT, ("127.0.0.1", 6881)),
            "ut_holepunch",
            b"\1\0\x7f\0\0\1\x1a\xe1",
        ),
        (Pex(((("127.0.0.1", 6881), 2),)), "ut_pex", b"d5:added6:\x7f\0\0\1\x1a\xe17:added.f1:\2e"),
    ],
)
def test_each_message_carries_the_number_of_its_receiver(
    said: ExtensionMessage, name: str, payload: bytes
) -> None:
    length = (2 + len(payload)).to_bytes(4, "big")
    assert encode_extended(said, {name: 99}) == length + b"\x14\x63" + payload
    assert read_extended(Extended(EXTENSION_IDS[name], payload)) == said


def test_what_a_peer_does_not_speak_is_not_said() -> None:
    assert encode_extended(DontHave(1), {}) is None
    assert encode_extended(DontHave(1), {"lt_donthave": 0}) is None  # switched off
    greeting = encode_extended(ExtensionHandshake(), {})
    assert greeting == b"\0\0\0\x09\x14\0d1:mdee"


def test_unknown_extensions_are_ignored() -> None:
    assert read_extended(Extended(99, b"whatever")) is None


@pytest.mark.parametrize(
    ("name", "payload", "fault"),
    [
        ("lt_donthave", b"", "lt_donthave message has 0 bytes instead of 4"),
        ("lt_donthave", b"12345", "lt_donthave message has 5 bytes"),
        ("upload_only", b"", "upload_only message has 0 bytes instead of 1"),
        ("upload_only", b"\1\1", "upload_only message has 2 bytes"),
        ("ut_holepunch", b"", "unknown kind or address family"),
        ("ut_holepunch", b"\0", "unknown kind or address family"),
        ("ut_holepunch", b"\3\0" + b"\1" * 6, "unknown kind"),
        ("ut_holepunch", b"\0\2" + b"\1" * 6, "address family"),
        ("ut_holepunch", b"\0\0" + b"\1" * 5, "has 7 bytes, which its kind cannot have"),
        ("ut_holepunch", b"\0\0" + b"\1" * 7, "has 9 bytes"),
        ("ut_holepunch", b"\0\1" + b"\1" * 17, "has 19 bytes"),
        ("ut_holepunch", b"\2\0" + b"\1" * 6, "has 8 bytes"),
        ("ut_holepunch", b"\0\0\x7f\0\0\1\0\0", "names port 0"),
    ],
)
def test_malformed_messages_name_their_fault(name: str, payload: bytes, fault: str) -> None:
    with pytest.raises(WireError, match=fault):
        read_extended(Extended(EXTENSION_IDS[name], payload))


def test_the_code_of_a_step_that_is_no_error_may_be_there() -> None:
    # BEP 55 has it in every message, "0 in non-error messages"; libtorrent leaves it out.
    for code in (b"", bytes(4), b"\0\0\0\3"):
        payload = b"\0\1" + bytes(15) + b"\1\x1a\xe1" + code
        step = Holepunch(HolepunchKind.RENDEZVOUS, ("::1", 6881))
        assert read_extended(Extended(EXTENSION_IDS["ut_holepunch"], payload)) == step


@given(st.integers(0, 255), st.binary(max_size=60))
def test_nothing_but_the_declared_error_comes_out(number: int, payload: bytes) -> None:
    for candidate in (number, *EXTENSION_IDS.values(), 0):
        with suppress(WireError):
            read_extended(Extended(candidate, payload))
