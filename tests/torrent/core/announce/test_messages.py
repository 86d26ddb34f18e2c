"""What is common to all trackers: text for people, and which addresses may be peers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.core.announce.messages import MAX_PEERS, MAX_TEXT, dialable, printable, unpack_peers


@given(st.binary(max_size=3000))
def test_no_control_character_reaches_a_terminal(raw: bytes) -> None:
    text = printable(raw)
    assert len(text) <= MAX_TEXT
    assert text.isprintable()


def test_ordinary_words_stay_as_they_are() -> None:
    assert printable("Torrent nicht registriert: ü".encode()) == "Torrent nicht registriert: ü"
    assert printable(b"\x1b[31mred\r\n") == "[31mred"


@pytest.mark.parametrize(
    ("peer", "kept"),
    [
        (("127.0.0.1", 1), True),
        (("10.0.0.1", 65535), True),
        (("8.8.8.8", 6881), True),
        (("2001:db8::1", 6881), True),
        (("8.8.8.8", 0), False),
        (("8.8.8.8", 65536), False),
        (("8.8.8.8", -1), False),
        (("0.0.0.0", 6881), False),
        (("255.255.255.255", 6881), False),
        (("239.192.152.143", 6771), False),
        (("::", 6881), False),
        (("::ffff:127.0.0.1", 6881), False),
        (("tracker.example", 6881), False),
        (("", 6881), False),
    ],
)
def test_who_can_be_a_peer(peer: tuple[str, int], kept: bool) -> None:  # noqa: FBT001
    assert dialable([peer]) == ((peer,) if kept else ())


def test_peers_come_once_and_bounded() -> None:
    peers = [(f"10.0.{i >> 8}.{i & 255}", 1) for i in range(2 * MAX_PEERS)]
    assert dialable(peers + peers) == tuple(peers[:MAX_PEERS])


@given(st.binary(max_size=100), st.sampled_from((6, 18)))
def test_a_broken_tail_is_ignored(compact: bytes, size: int) -> None:
    assert len(unpack_peers(compact, size)) == len(compact) // size


def test_compact_peers_are_bounded_before_they_are_read() -> None:
    assert len(unpack_peers(b"\x01" * 6 * (MAX_PEERS + 5), 6)) == MAX_PEERS
