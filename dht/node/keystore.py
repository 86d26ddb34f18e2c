"""Named Ed25519 keys on disk: who may write under a name.

Losing one of these files is losing the name; letting it be read is letting anybody speak under
it. So each key is a file of its own (mode 0600, in a directory of mode 0700), written in full
under another name, flushed, and then *linked* into place: ``link`` fails if the name is taken,
atomically and between processes, so nothing is ever overwritten, and a crash leaves either the
whole key or none. There is no way to replace a key here: who wants that removes the file.

The format is what other programs read: PKCS#8 in PEM, encrypted if a passphrase was given. Before
it stands the name that the key has in the network, as explanatory text (RFC 7468, section 2, lets
any text precede the armour; OpenSSL skips it). With it an encrypted key can be listed and shown
without its passphrase; it is compared with the key whenever that is opened.

What reads and writes PEM is imported when it is used: with it come SSH's formats, a twentieth of
a second that those who only want to know what their keys are called need not wait.
"""

from __future__ import annotations

import binascii
import os
import re
import secrets
from base64 import b64decode
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dht import names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dht.names import Address

NAME_PATTERN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,30}")
"""No separators and no leading dot: a name stays in its directory. Shorter than any infohash or
public key, so that a key's name is never taken for an address."""
MAX_FILE: Final = 16_384
"""Bytes of a key to read: real ones have a few hundred."""

_SUFFIX: Final = ".pem"
_ARMOUR: Final = b"-----BEGIN "
_ENCRYPTED: Final = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"
_LIBP2P_ED25519: Final = b"\x08\x01\x12"
"""libp2p's protobuf of a private key begins so: field 1, type Ed25519; field 2, the bytes."""
_SEED: Final = 32
_SEED_AND_PUBLIC: Final = 64
_SEED_AND_PUBLIC_TWICE: Final = 96


class KeystoreError(Exception):
    """A key that cannot be made, found, read or opened.

    Attributes:
        hint: What to do about it; empty if there is nothing to suggest.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class KeyMissingError(KeystoreError):
    """There is no key of that name."""


class PassphraseError(KeystoreError):
    """The passphrase is missing, or wrong."""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """What can be said of a key without opening it.

    Attributes:
        name: What its owner calls it, on this machine.
        address: What it is called in the network.
        encrypted: A passphrase is needed to sign with it.
    """

    name: str
    address: Address
    encrypted: bool


class Keystore:
    """The keys of one state directory. Several processes may use it at once."""

    def __init__(self, directory: Path) -> None:
        self.directory: Final = directory

    def create(self, name: str, passphrase: bytes | None = None) -> StoredKey:
        """Make a new key and store it under ``name``.

        Raises:
            KeystoreError: The name is taken or impossible, or the disk refuses.
        """
        return self.store(name, Ed25519PrivateKey.generate(), passphrase)

    def store(
        self, name: str, private: Ed25519PrivateKey, passphrase: bytes | None = None
    ) -> StoredKey:
        """Store a key under ``name``, which must be free.

        Raises:
            KeystoreError: The name is taken or impossible, or the disk refuses.
        """
        path = self._path(name)
        label = f"{address_of(private)}\n".encode("ascii")
        self._write_new(path, label + to_pem(private, passphrase))
        return self.show(name)

    def names(self) -> list[str]:
        """What the keys are called, in order. Other files in the directory are passed over."""
        found = sorted(path.stem for path in self.directory.glob(f"*{_SUFFIX}"))
        return [name for name in found if NAME_PATTERN.fullmatch(name)]

    def show(self, name: str) -> StoredKey:
        """Describe a key without opening it.

        Raises:
            KeyMissingError: There is none of that name.
            KeystoreError: Its file is damaged.
        """
        data = self._read(name)
        label, armour, _ = data.partition(_ARMOUR)
        try:
            address = names.parse(label.decode("ascii"))
        except (names.AddressError, UnicodeDecodeError) as error:
            raise self._damaged(name) from error
        if not armour:
            raise self._damaged(name)
        return StoredKey(name, address, encrypted=_ENCRYPTED in data)

    def load(self, name: str, passphrase: bytes | None = None) -> Ed25519PrivateKey:
        """Open a key, to sign with it. A passphrase given for an open key is not needed.

        Raises:
            KeyMissingError: There is none of that name.
            PassphraseError: It is encrypted, and the passphrase is missing or wrong.
            KeystoreError: Its file is damaged.
        """
        stored = self.show(name)
        private = read_private(self._read(name), passphrase if stored.encrypted else None)
        if address_of(private) != stored.address:
            raise self._damaged(name)
        return private

    def export(
        self, name: str, passphrase: bytes | None = None, seal: bytes | None = None
    ) -> bytes:
        """The private key as PEM, opened with ``passphrase`` and sealed anew with ``seal``.

        Raises:
            KeystoreError: As for :meth:`load`.
        """
        return to_pem(self.load(name, passphrase), seal)

    def _path(self, name: str) -> Path:
        """Where a key lives.

        Raises:
            KeystoreError: No key can be called so.
        """
        if not NAME_PATTERN.fullmatch(name):
            raise KeystoreError(
                f"no key can be called {name!r}",
                "use 1 to 31 letters, digits, dots, dashes or underscores, a letter or digit first",
            )
        return self.directory / (name + _SUFFIX)

    def _read(self, name: str) -> bytes:
        """The file of a key, bounded."""
        path = self._path(name)
        try:
            with path.open("rb") as file:
                return file.read(MAX_FILE)
        except FileNotFoundError:
            raise KeyMissingError(
                f"there is no key called {name}", f"make it with `dhtctl key new {name}`"
            ) from None
        except OSError as error:
            raise KeystoreError(f"cannot read {path}: {error.strerror}") from error

    def _write_new(self, path: Path, data: bytes) -> None:
        """Write a file that must not exist yet: whole and durable, or not at all."""
        draft = path.with_name(f".{secrets.token_hex(8)}.draft")
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _draft(draft, data):
                _claim(path, draft)
            _flush_directory(self.directory)
        except OSError as error:
            raise KeystoreError(f"cannot write {path}: {error.strerror}") from error

    def _damaged(self, name: str) -> KeystoreError:
        """The error of a file that is not what was once written."""
        return KeystoreError(
            f"the file of key {name} is damaged", f"look at {self._path(name)}; restore a backup"
        )


def address_of(private: Ed25519PrivateKey) -> Address:
    """The name that a key may write under, without salt."""
    return names.name(private.public_key().public_bytes_raw())


def to_pem(private: Ed25519PrivateKey, passphrase: bytes | None = None) -> bytes:
    """Write a key as PKCS#8 in PEM, encrypted if there is a passphrase."""
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - see above
        BestAvailableEncryption,
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    sealed = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealed)


def read_private(data: bytes, passphrase: bytes | None = None) -> Ed25519PrivateKey:
    """Read an Ed25519 private key in whatever form it comes.

    PEM (PKCS#8, encrypted or not, perhaps with text before it), libp2p's protobuf (binary, or in
    base64 or hexadecimal), a seed of 32 bytes (binary or hexadecimal), or the seed followed by
    the public key (64 bytes, as NaCl keeps it).

    Raises:
        PassphraseError: It is encrypted, and the passphrase is missing or wrong.
        KeystoreError: It is none of these, or not an Ed25519 key.
    """
    if _ARMOUR in data:
        return _read_pem(data, passphrase)
    # Text first: a seed in hexadecimal is as long as a seed with its public key in binary.
    for decode in (_from_hex, _from_base64, bytes):
        private = _read_raw(decode(data))
        if private is not None:
            return private
    raise KeystoreError(
        "this is not an Ed25519 private key in a known form",
        "give PEM (PKCS#8), a libp2p key, or a seed of 32 bytes in hexadecimal",
    )


def _read_pem(data: bytes, passphrase: bytes | None) -> Ed25519PrivateKey:
    """Read PKCS#8 armour."""
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - see above
        load_pem_private_key,
    )

    try:
        private = load_pem_private_key(data, passphrase or None)
    except TypeError as error:
        # cryptography: "Password was not given but private key is encrypted", or the reverse.
        if passphrase:
            return _read_pem(data, None)
        raise PassphraseError("the key is encrypted", "give its passphrase") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        if passphrase and _ENCRYPTED in data:
            raise PassphraseError("the passphrase does not open the key") from error
        raise KeystoreError("the PEM file is damaged, or not a private key") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise KeystoreError("names are Ed25519 keys, and this is a key of another kind")
    return private


def _read_raw(data: bytes) -> Ed25519PrivateKey | None:
    """Read libp2p's protobuf or bare bytes; ``None`` if it is neither.

    Raises:
        KeystoreError: The public key beside the seed is not the seed's.
    """
    if data[:3] == _LIBP2P_ED25519 and data[3:4] == bytes([len(data[4:]) & 0x7F]):
        data = data[4:]
        if len(data) == _SEED_AND_PUBLIC_TWICE and data[_SEED:_SEED_AND_PUBLIC] == data[-_SEED:]:
            # An early form of libp2p repeats the public key; its specification says to accept it.
            data = data[:_SEED_AND_PUBLIC]
    if len(data) not in (_SEED, _SEED_AND_PUBLIC):
        return None
    private = Ed25519PrivateKey.from_private_bytes(data[:_SEED])
    public = private.public_key().public_bytes_raw()
    if data[_SEED:] not in (b"", public):
        raise KeystoreError(
            "the public key beside the seed is not the seed's",
            "an expanded key (as libtorrent keeps it) has no seed and cannot be imported",
        )
    return private


def _from_hex(text: bytes) -> bytes:
    """What hexadecimal text stands for; nothing if it is not hexadecimal."""
    try:
        return binascii.unhexlify(text.strip())
    except binascii.Error:
        return b""


def _from_base64(text: bytes) -> bytes:
    """What base64 text stands for; nothing if it is not base64."""
    try:
        return b64decode(text.strip(), validate=True)
    except binascii.Error:
        return b""


@contextmanager
def _draft(path: Path, data: bytes) -> Iterator[None]:
    """Have a file that only its owner can read, on disk, for as long as the block runs."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield
    finally:
        path.unlink()


def _claim(path: Path, draft: Path) -> None:
    """Give a finished draft its name, which must be free.

    Not by renaming: that would silently replace the key that another process just made.
    """
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        raise KeystoreError(
            f"there is a key called {path.stem} already",
            "keys are never overwritten: choose another name, "
            f"or remove {path} if it is not needed",
        ) from None


def _flush_directory(path: Path) -> None:
    """See the directory's new entry on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
