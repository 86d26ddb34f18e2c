"""dht.mainline.items: records of BEP 44."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from dht.codec.bencode import encode
from dht.core.messages import Record
from dht.mainline.items import (
    MAX_SALT,
    MAX_SEQ,
    MAX_VALUE,
    Code,
    ItemRules,
    immutable_key,
    immutable_record,
    mutable_key,
    sign_record,
    signed_bytes,
)

RULES = ItemRules()
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))

# BEP 44, "Test Vectors". The private key is printed in its expanded form (scalar and prefix of
# RFC 8032), which libraries that start from a seed cannot use.
PUBLIC = bytes.fromhex("77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548")
EXPANDED = bytes.fromhex(
    "e06d3183d14159228433ed599221b80bd0a5ce8352e4bdf0262f76786ef1c74d"
    "b7e7a9fea2c0eb269d61e3b38e450a22e754941ac78479d6c54e1faf6037881d"
)
VALUE = b"12:Hello World!"
MUTABLE = [
    # salt, what is signed, target, signature
    (
        b"",
        b"3:seqi1e1:v12:Hello World!",
        "4a533d47ec9c7d95b1ad75f576cffc641853b750",
        (
            "305ac8aeb6c9c151fa120f120ea2cfb923564e11552d06a5d856091e5e853cff"
            "1260d3f39e4999684aa92eb73ffd136e6f4f3ecbfda0ce53a1608ecd7ae21f01"
        ),
    ),
    (
        b"foobar",
        b"4:salt6:foobar3:seqi1e1:v12:Hello World!",
        "411eba73b6f087ca51a3795d9c8c938d365e32c1",
        (
            "6834284b6b24c3204eb2fea824d82f88883a3d95e8b4a21b8c0ded553d17d17d"
            "df9a8a7104b1258f30bed3787e6cb896fca78c58f8e03b5f18f14951a87d9a08"
        ),
    ),
]
IMMUTABLE_TARGET = "e5f96f6f38320f0f33959cb4d3d656452117aadb"


class TestVectors:
    def test_immutable(self) -> None:
        record = immutable_record(VALUE)
        assert record.key == int(IMMUTABLE_TARGET, 16) == immutable_key(VALUE)
        assert RULES.admit(record) is None
        assert RULES.verify(record) is None

    @pytest.mark.parametrize(("salt", "signed", "target", "signature"), MUTABLE)
    def test_mutable(self, salt: bytes, signed: bytes, target: str, signature: str) -> None:
        assert signed_bytes(VALUE, 1, salt) == signed
        assert mutable_key(PUBLIC, salt) == int(target, 16)
        record = Record(int(target, 16), VALUE, 1, PUBLIC, salt, bytes.fromhex(signature))
        assert RULES.admit(record) is None
        assert RULES.verify(record) is None

    @pytest.mark.parametrize(("salt", "signed", "target", "signature"), MUTABLE)
    def test_signatures_are_reproduced_from_the_expanded_key(
        self, salt: bytes, signed: bytes, target: str, signature: str
    ) -> None:
        record = sign_record(ExpandedKey(EXPANDED), VALUE, 1, salt)
        assert record.signer == PUBLIC
        assert record.signature.hex() == signature
        assert record.key == int(target, 16)


# Ed25519 in textbook arithmetic (RFC 8032, section 5.1), enough to sign with an expanded key.

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
BASE_Y = 4 * pow(5, -1, P) % P


def recover_x(y: int) -> int:
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    return x if x % 2 == 0 else P - x


def add(one: tuple[int, int], two: tuple[int, int]) -> tuple[int, int]:
    (x1, y1), (x2, y2) = one, two
    k = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + k, -1, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - k, -1, P)
    return x % P, y % P


def times(n: int) -> bytes:
    """n times the base point, encoded."""
    result, point = (0, 1), (recover_x(BASE_Y), BASE_Y)
    while n:
        if n & 1:
            result = add(result, point)
        point, n = add(point, point), n >> 1
    x, y = result
    return (y | (x & 1) << 255).to_bytes(32, "little")


def sha512(data: bytes) -> int:
    return int.from_bytes(hashlib.sha512(data).digest(), "little")


class ExpandedKey:
    """Signs with a clamped scalar and a prefix; as a Signer it is no library's class."""

    def __init__(self, expanded: bytes) -> None:
        self.scalar, self.prefix = int.from_bytes(expanded[:32], "little"), expanded[32:]
        self.public = times(self.scalar)

    def public_bytes_raw(self) -> bytes:
        return self.public

    def public_key(self) -> ExpandedKey:
        return self

    def sign(self, data: bytes) -> bytes:
        r = sha512(self.prefix + data) % ORDER
        point = times(r)
        h = sha512(point + self.public + data) % ORDER
        return point + ((r + h * self.scalar) % ORDER).to_bytes(32, "little")


@given(st.binary(max_size=900).map(encode), st.integers(0, MAX_SEQ), st.binary(max_size=MAX_SALT))
def test_what_we_sign_is_admitted_and_verified(value: bytes, seq: int, salt: bytes) -> None:
    record = sign_record(SIGNER, value, seq, salt)
    assert RULES.admit(record) is None
    assert RULES.verify(record) is None


class TestAdmit:
    @pytest.mark.parametrize("value", [b"i1e", b"le", b"de", b"d1:ai1e1:bi2ee", b"0:", b"li1e1:ae"])
    def test_any_bencoded_type_is_a_value(self, value: bytes) -> None:
        # BEP 44: "It is allowed to be any bencoded type (list, dict, string or integer)."
        assert RULES.admit(immutable_record(value)) is None

    @pytest.mark.parametrize(
        "value", [b"", b"x", b"i1ei2e", b"d1:bi1e1:ai2ee", b"3:ab", b"i01e", b"l" * 900]
    )
    def test_a_value_must_be_canonical(self, value: bytes) -> None:
        for record in (immutable_record(value), sign_record(SIGNER, value, 1)):
            refusal = RULES.admit(record)
            assert refusal is not None
            assert refusal.code == Code.PROTOCOL == 203

    def test_values_have_a_limit(self) -> None:
        fits, too_long = encode(bytes(MAX_VALUE - 4)), encode(bytes(MAX_VALUE - 3))
        assert (len(fits), len(too_long)) == (1000, 1001)
        assert RULES.admit(immutable_record(fits)) is None
        for record in (immutable_record(too_long), sign_record(SIGNER, too_long, 1)):
            refusal = RULES.admit(record)
            assert refusal is not None
            assert refusal.code == Code.VALUE_TOO_BIG == 205

    def test_salts_have_a_limit(self) -> None:
        assert RULES.admit(sign_record(SIGNER, VALUE, 1, bytes(64))) is None
        refusal = RULES.admit(sign_record(SIGNER, VALUE, 1, bytes(65)))
        assert refusal is not None
        assert refusal.code == Code.SALT_TOO_BIG == 207

    def test_an_immutable_item_lives_under_its_hash(self) -> None:
        refusal = RULES.admit(Record(5, VALUE))
        assert refusal is not None
        assert (refusal.code, refusal.reason) == (203, "v has another target")

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"signer": b""}, "k is not 32 bytes"),
            ({"signer": bytes(31)}, "k is not 32 bytes"),
            ({"signer": bytes(33)}, "k is not 32 bytes"),
            ({"signature": b""}, "sig is not 64 bytes"),
            ({"signature": bytes(63)}, "sig is not 64 bytes"),
            ({"seq": None}, "seq is not a number from 0 to 2^63-1"),
            ({"seq": -1}, "seq is not a number from 0 to 2^63-1"),
            ({"seq": 2**63}, "seq is not a number from 0 to 2^63-1"),
            ({"key": 1}, "k and salt have another target"),
            ({"salt": b"other"}, "k and salt have another target"),
        ],
    )
    def test_a_mutable_item_has_all_its_fields(
        self, change: dict[str, object], reason: str
    ) -> None:
        record = dataclasses.replace(sign_record(SIGNER, VALUE, 1, b"salt"), **change)
        refusal = RULES.admit(record)
        assert refusal is not None
        assert (refusal.code, refusal.reason) == (203, reason)


class TestVerify:
    @pytest.mark.parametrize(
        "change",
        [
            {"value": b"12:Hello Wurld!"},
            {"seq": 2},
            {"salt": b""},
            {"salt": b"other"},
            {"signature": bytes(64)},
            {"signature": b"short"},
            {"signer": PUBLIC},
            {"signer": bytes(32)},
            {"signer": b"\xff" * 32},
            {"signer": b"short"},
        ],
    )
    def test_any_change_breaks_the_signature(self, change: dict[str, object]) -> None:
        record = dataclasses.replace(sign_record(SIGNER, VALUE, 1, b"salt"), **change)
        refusal = RULES.verify(record)
        assert refusal is not None
        assert refusal.code == Code.INVALID_SIGNATURE == 206

    def test_a_length_cannot_pass_for_part_of_a_number(self) -> None:
        # BEP 44: "it is not possible to convince a node that part of the length is actually part
        # of the sequence number".
        assert signed_bytes(b"1:a", 11) != signed_bytes(b"11:a", 1)

    def test_an_empty_salt_is_no_salt(self) -> None:
        assert signed_bytes(VALUE, 1, b"") == signed_bytes(VALUE, 1)


class TestSupersede:
    def held(self, seq: int = 5, value: bytes = VALUE) -> Record:
        return sign_record(SIGNER, value, seq)

    @pytest.mark.parametrize(
        ("seq", "value", "cas", "code"),
        [
            (6, VALUE, None, None),
            (6, b"1:x", None, None),
            (6, b"1:x", 5, None),
            (5, VALUE, None, None),  # the same again: a republication
            (5, VALUE, 5, None),
            (5, b"1:x", None, 302),  # one number for two values
            (5, b"1:x", 5, 302),
            (4, VALUE, None, 302),
            (4, VALUE, 5, 302),
            (6, VALUE, 4, 301),
            (6, VALUE, 6, 301),
            (5, VALUE, 4, 301),
            (4, VALUE, 4, 301),  # cas is compared first
        ],
    )
    def test_versions(self, seq: int, value: bytes, cas: int | None, code: int | None) -> None:
        refusal = RULES.supersede(self.held(), self.held(seq, value), cas)
        assert (refusal.code if refusal else None) == code
        if refusal:
            assert "5" in refusal.reason  # so that the writer can try again

    def test_an_immutable_item_only_repeats_itself(self) -> None:
        record = immutable_record(VALUE)
        assert RULES.supersede(record, immutable_record(VALUE), None) is None
        assert RULES.supersede(record, immutable_record(VALUE), 7) is None


class TestBetter:
    def test_the_higher_version_is_better(self) -> None:
        old, new = sign_record(SIGNER, b"1:z", 1), sign_record(SIGNER, b"1:a", 2)
        assert RULES.better(new, old)
        assert not RULES.better(old, new)

    def test_ties_are_broken_in_the_same_way_for_all(self) -> None:
        one, two = sign_record(SIGNER, b"1:a", 1), sign_record(SIGNER, b"1:b", 1)
        assert RULES.better(two, one)
        assert not RULES.better(one, two)
        assert not RULES.better(one, one)

    @given(st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=2)), min_size=2, max_size=5))
    def test_the_best_of_many_does_not_depend_on_their_order(
        self, versions: list[tuple[int, bytes]]
    ) -> None:
        records = [Record(1, value, seq, PUBLIC) for seq, value in versions]
        assert self.best(records) == self.best(records[::-1])

    def best(self, records: list[Record]) -> Record:
        best = records[0]
        for record in records[1:]:
            best = record if RULES.better(record, best) else best
        return best
