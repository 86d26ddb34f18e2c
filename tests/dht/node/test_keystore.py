import contextlib
import stat
import subprocess
import sys
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import example, given
from hypothesis import strategies as st

from dht import names
from dht.node.keystore import (
    KeyMissingError,
    Keystore,
    KeystoreError,
    PassphraseError,
    address_of,
    read_private,
    to_pem,
)
from tests.vectors import load

# RFC 8032, section 7.1, test 1.
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
PRIVATE = Ed25519PrivateKey.from_private_bytes(SEED)
LIBP2P = load("peer_ids")["keys"]


@pytest.fixture
def keystore(tmp_path: Path) -> Keystore:
    return Keystore(tmp_path / "state" / "keys")


def test_a_new_key_can_be_listed_shown_and_opened(keystore: Keystore) -> None:
    made = keystore.create("blog")
    assert keystore.names() == ["blog"]
    assert keystore.show("blog") == made
    assert not made.encrypted
    assert address_of(keystore.load("blog")) == made.address
    assert keystore.create("other").address != made.address


def test_an_encrypted_key_is_shown_without_its_passphrase(keystore: Keystore) -> None:
    made = keystore.create("safe", b"correct horse")
    assert keystore.show("safe") == made
    assert made.encrypted
    assert address_of(keystore.load("safe", b"correct horse")) == made.address
    with pytest.raises(PassphraseError, match="is encrypted"):
        keystore.load("safe")
    with pytest.raises(PassphraseError, match="is encrypted"):
        keystore.load("safe", b"")
    with pytest.raises(PassphraseError, match="does not open"):
        keystore.load("safe", b"wrong")


def test_a_passphrase_too_many_does_no_harm(keystore: Keystore) -> None:
    keystore.store("plain", PRIVATE)
    assert address_of(keystore.load("plain", b"needless")).public_key == PUBLIC


def test_files_are_for_their_owner_only(keystore: Keystore) -> None:
    keystore.create("blog")
    path = keystore.directory / "blog.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(keystore.directory.stat().st_mode) == 0o700
    assert path.stat().st_nlink == 1
    assert [found.name for found in keystore.directory.iterdir()] == ["blog.pem"]


def test_nothing_is_ever_overwritten(keystore: Keystore) -> None:
    made = keystore.create("blog")
    with pytest.raises(KeystoreError, match="a key called blog already") as caught:
        keystore.create("blog")
    assert "never overwritten" in caught.value.hint
    assert keystore.show("blog") == made
    assert [found.name for found in keystore.directory.iterdir()] == ["blog.pem"]


def test_of_many_who_want_one_name_one_gets_it(keystore: Keystore) -> None:
    def attempt(_: int) -> str:
        try:
            return str(keystore.create("blog").address)
        except KeystoreError:
            return ""

    with ThreadPoolExecutor(8) as threads:
        made = [address for address in threads.map(attempt, range(24)) if address]
    # The winner describes what it finds under the name, which is what it wrote.
    assert made == [str(keystore.show("blog").address)]


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "/etc/passwd", "a\\b", ".hidden", "-x", "a b", "ä", "a\n", "\0",
     "x" * 32, "C:x"],
)  # fmt: skip
def test_names_stay_in_their_directory(keystore: Keystore, name: str) -> None:
    for door in (keystore.create, keystore.show, keystore.load):
        with pytest.raises(KeystoreError, match="no key can be called"):
            door(name)
    assert not keystore.directory.exists()


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,30}", fullmatch=True))
@example("1TC1111")  # reads as an identity multihash of four bytes
def test_no_name_of_a_key_is_also_the_address_of_a_record(name: str) -> None:
    try:
        found = names.parse(name)
    except names.AddressError:
        return
    # Only tiny identity CIDs are so short, and no record lives under them.
    assert found.kind is names.Kind.CONTENT


def test_missing(keystore: Keystore) -> None:
    assert keystore.names() == []
    with pytest.raises(KeyMissingError, match="no key called blog") as caught:
        keystore.load("blog")
    assert caught.value.hint == "make it with `dhtctl key new blog`"


def test_other_files_are_passed_over(keystore: Keystore) -> None:
    keystore.create("blog")
    (keystore.directory / "README").write_text("hello")
    (keystore.directory / "a b.pem").write_text("hello")
    assert keystore.names() == ["blog"]


def damage_label(data: bytes) -> bytes:
    return str(names.name(bytes(32))).encode() + b"\n" + data.partition(b"\n")[2]


@pytest.mark.parametrize(
    ("damage", "door"),
    [
        (lambda _: b"", "show"),
        (lambda data: data[:62], "show"),
        (lambda data: b"\xff" + data, "show"),
        (lambda data: b"hello" + data, "show"),
        (lambda data: data.replace(b"MC4C", b"MC5C"), "load"),
        (damage_label, "load"),
    ],
    ids=["empty", "short", "binary", "label", "armour", "exchanged"],
)
def test_damage_is_seen(keystore: Keystore, damage: object, door: str) -> None:
    keystore.store("blog", PRIVATE)
    path = keystore.directory / "blog.pem"
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(KeystoreError, match="damaged"):
        getattr(keystore, door)("blog")


def test_a_disk_that_refuses(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    keystore = Keystore(tmp_path / "file")
    with pytest.raises(KeystoreError, match="cannot write"):
        keystore.create("blog")
    with pytest.raises(KeystoreError, match="cannot read"):
        keystore.show("blog")


def test_export_opens_and_seals_anew(keystore: Keystore) -> None:
    keystore.store("blog", PRIVATE, b"one")
    assert read_private(keystore.export("blog", b"one")).private_bytes_raw() == SEED
    sealed = keystore.export("blog", b"one", b"two")
    assert b"ENCRYPTED" in sealed
    with pytest.raises(PassphraseError):
        read_private(sealed, b"one")
    assert read_private(sealed, b"two").private_bytes_raw() == SEED
    assert keystore.store("again", read_private(sealed, b"two")).address.public_key == PUBLIC


def test_openssl_reads_our_files(keystore: Keystore) -> None:
    keystore.store("blog", PRIVATE, b"one")
    done = subprocess.run(
        ["openssl", "pkey", "-in", keystore.directory / "blog.pem", "-passin", "pass:one",
         "-text", "-noout"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    digits = "".join(done.stdout.partition("pub:")[2].split()).replace(":", "")
    assert digits == PUBLIC.hex()


@pytest.mark.parametrize(
    "data",
    [
        SEED,
        SEED.hex().encode(),
        SEED.hex().upper().encode() + b"\n",
        SEED + PUBLIC,
        (SEED + PUBLIC).hex().encode(),
        b"\x08\x01\x12\x40" + SEED + PUBLIC,
        b"\x08\x01\x12\x60" + SEED + PUBLIC + PUBLIC,
        b64encode(b"\x08\x01\x12\x40" + SEED + PUBLIC) + b"\n",
        to_pem(PRIVATE),
        b"some text before\n" + to_pem(PRIVATE),
    ],
    ids=["seed", "hex", "upper", "nacl", "nacl-hex", "libp2p", "libp2p-96", "libp2p-base64", "pem",
         "pem-after-text"],
)  # fmt: skip
def test_reads_every_form(data: bytes) -> None:
    assert address_of(read_private(data)).public_key == PUBLIC
    assert address_of(read_private(data, b"needless")).public_key == PUBLIC


def test_reads_the_published_key_of_libp2p() -> None:
    private = read_private(bytes.fromhex(LIBP2P["ED25519 private key"]))
    assert address_of(private) == names.peer(bytes.fromhex(LIBP2P["ED25519 public key"]))
    assert read_private(LIBP2P["ED25519 private key"].encode()) is not None


def other_kind() -> bytes:
    key = generate_private_key(SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


# BEP 44's vectors carry this private key in expanded form: hashed seed, not seed.
BEP44_EXPANDED = (
    "e06d3183d14159228433ed599221b80bd0a5ce8352e4bdf0262f76786ef1c74d"
    "b7e7a9fea2c0eb269d61e3b38e450a22e754941ac78479d6c54e1faf6037881d"
)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "known form"),
        (b"hello", "known form"),
        (SEED[:31], "known form"),
        (b"\x08\x01\x12\x60" + SEED + PUBLIC + SEED, "known form"),
        (bytes.fromhex(LIBP2P["secp256k1 private key"]), "known form"),
        (BEP44_EXPANDED.encode(), "is not the seed's"),
        (SEED + SEED, "is not the seed's"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "damaged"),
        (b"-----BEGIN ", "damaged"),
        (other_kind(), "of another kind"),
    ],
    ids=range(10),
)
def test_refuses_other_forms(data: bytes, why: str) -> None:
    with pytest.raises(KeystoreError, match=why):
        read_private(data)


@given(st.binary(max_size=120), st.sampled_from([None, b"x"]))
def test_only_the_declared_error_escapes(data: bytes, passphrase: bytes | None) -> None:
    for form in (data, data.hex().encode(), b"-----BEGIN PRIVATE KEY-----\n" + data):
        with contextlib.suppress(KeystoreError):
            assert len(read_private(form, passphrase).private_bytes_raw()) == 32


def test_a_crash_leaves_the_whole_key_or_none(tmp_path: Path) -> None:
    # The process dies at the moment between writing the draft and naming it.
    script = (
        "import os, pathlib\n"
        "from dht.node.keystore import Keystore\n"
        "pathlib.Path.hardlink_to = lambda *_: os._exit(9)\n"
        f"Keystore(pathlib.Path({str(tmp_path)!r})).create('blog')\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 9
    keystore = Keystore(tmp_path)
    assert keystore.names() == []
    assert keystore.create("blog").name == "blog"
