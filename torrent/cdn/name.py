"""A name that leads to a torrent, and where it led (BEP 46).

A name is an Ed25519 key and a salt. Under it lies a mutable item (BEP 44) whose value is
``{"ih": <infohash>}``, signed by the key. Each version has a higher ``seq`` than the last, and
only who has the key can make one.

Of a hybrid torrent ``ih`` is the v1 infohash, which every client of the swarm understands; the
metadata it stands for holds the v2 tree as well. Of a v2 torrent it would be the first 20 bytes.

Beside ``ih`` the value may have ``ws``, a web seed: where the publisher's own server has the files.
The metadata does not say that, and the infohash is all that others get to see of the torrent file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from dht import names
from dht.codec.bencode import decode
from dht.core.keys import MAINLINE_SPACE
from dht.mainline.items import MAX_SALT, PUBLIC_SIZE, mutable_key
from dht.mainline.torrents import read_infohash
from dht.names import AddressError, Kind, Reading
from torrent.core.metainfo import Magnet
from torrent.core.metainfo.urls import is_web_seed

if TYPE_CHECKING:
    from dht.core.messages import Record
    from dht.names import Address


@dataclass(frozen=True, slots=True)
class Name:
    """What is published under one key and salt, whatever version.

    Attributes:
        public: The Ed25519 public key, 32 bytes.
        salt: Which of its records; up to 64 bytes.
    """

    public: bytes
    salt: bytes = b""

    def __post_init__(self) -> None:
        if len(self.public) != PUBLIC_SIZE or len(self.salt) > MAX_SALT:
            raise ValueError(
                f"a name is a key of {PUBLIC_SIZE} bytes and a salt of up to {MAX_SALT}"
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``k51...[/salt]``, ``dht://k51...[/salt]`` or a magnet link with ``urn:btpk:``.

        Raises:
            AddressError: It is no name; the error's hint says what to type.
        """
        if text.strip().lower().startswith("magnet:"):
            found = next((a for a in names.parse_magnet(text) if a.kind is Kind.NAME), None)
            if found is None:
                raise AddressError("the magnet link has no name", "it should have xs=urn:btpk:")
            return cls.of(found)
        return cls.of(names.parse(text, expect=(Reading.KEY,)))

    @classmethod
    def of(cls, address: Address) -> Self:
        """The name that an address is.

        Raises:
            AddressError: It is none, or one of a key that signs nothing on Mainline.
        """
        return cls(address.public_key, address.salt)

    @property
    def address(self) -> Address:
        """The same as an address."""
        return names.name(self.public, self.salt)

    @property
    def key(self) -> bytes:
        """Where its record lives: 20 bytes."""
        return MAINLINE_SPACE.to_bytes(mutable_key(self.public, self.salt))

    @property
    def magnet(self) -> str:
        """The link of the name alone: it leads to whatever version is the newest."""
        return self.address.magnet

    def __str__(self) -> str:
        """Write it as :meth:`parse` reads it, without loss."""
        return str(self.address)


@dataclass(frozen=True, slots=True)
class Version:
    """Where a name led at one time.

    Attributes:
        name: Which name.
        seq: Its number; higher is newer.
        infohash: The torrent, 20 bytes.
        record: The signed record, which anybody may publish again.
    """

    name: Name
    seq: int
    infohash: bytes
    record: Record

    @classmethod
    def of(cls, record: Record) -> Self | None:
        """What a *verified* record says; ``None`` if it leads to no torrent."""
        infohash = read_infohash(record.value)
        if infohash is None or record.seq is None:
            return None
        return cls(Name(record.signer, record.salt), record.seq, infohash, record)

    @property
    def origins(self) -> tuple[str, ...]:
        """Where a web server has the files as well (BEP 19); one URL, or none."""
        fields = decode(self.record.value)
        url = fields.get(b"ws", b"") if isinstance(fields, dict) else b""
        text = url.decode("utf-8", "replace") if isinstance(url, bytes) else ""
        return (text,) if is_web_seed(text) else ()

    @property
    def magnet(self) -> str:
        """The link of this version; who understands BEP 46 finds newer ones by it."""
        return str(self.link)

    @property
    def link(self) -> Magnet:
        """The same, read."""
        return Magnet(self.infohash, web_seeds=self.origins, publisher=self.name.address)
