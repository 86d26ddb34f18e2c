import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.codec import varint
from dht.codec.varint import MalformedError

# multiformats/unsigned-varint, README: its table of examples.
EXAMPLES = [
    (1, "01"),
    (127, "7f"),
    (128, "8001"),
    (255, "ff01"),
    (300, "ac02"),
    (16384, "808001"),
    (2**63 - 1, "ffffffffffffffff7f"),
]


@pytest.mark.parametrize(("number", "written"), EXAMPLES)
def test_reads_and_writes_the_published_examples(number: int, written: str) -> None:
    assert varint.encode(number).hex() == written
    assert varint.decode_untrusted(bytes.fromhex(written)) == (number, len(written) // 2)


@given(st.integers(0, 2**63 - 1), st.binary(max_size=4), st.binary(max_size=4))
def test_round_trip_inside_other_bytes(number: int, before: bytes, after: bytes) -> None:
    data = before + varint.encode(number) + after
    assert varint.decode_untrusted(data, len(before)) == (number, len(data) - len(after))


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("", "ends inside"),
        ("80", "ends inside"),
        ("ffff", "ends inside"),
        ("8000", "padded"),
        ("ff8000", "padded"),
        ("ffffffffffffffffff01", "longer than 9"),
        ("80" * 9, "longer than 9"),
        ("80" * 100_000, "longer than 9"),
    ],
)
def test_refuses(written: str, why: str) -> None:
    with pytest.raises(MalformedError, match=why):
        varint.decode_untrusted(bytes.fromhex(written))


@pytest.mark.parametrize("offset", [1, 2, 1000])
def test_an_offset_past_the_end_is_malformed_too(offset: int) -> None:
    with pytest.raises(MalformedError, match="ends inside"):
        varint.decode_untrusted(b"\x01", offset)


@pytest.mark.parametrize("number", [-1, 2**63])
def test_does_not_write_what_it_would_not_read(number: int) -> None:
    with pytest.raises(ValueError, match="holds 0 to"):
        varint.encode(number)


@given(st.binary(max_size=12))
def test_every_number_has_one_encoding(data: bytes) -> None:
    try:
        number, end = varint.decode_untrusted(data)
    except MalformedError:
        return
    assert varint.encode(number) == data[:end]
