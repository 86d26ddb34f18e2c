"""The acts: a value, a name, a CID; then some die, and all of it again.

Each is played by nodes drawn by lot from those that live. None of them knows any other of the cast:
all that one learns of the other, it learns from the network.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cli.demo.stage import Done
from cli.demo.trials import expect
from cli.evidence import count
from dht import names
from dht.codec import cid as cids
from dht.codec import multihash
from dht.node.config import format_address

if TYPE_CHECKING:
    from cli.demo.stage import Stage
    from dht.core.messages import Contact
    from dht.node.node import Node
    from dht.testing import Testnet

_PORT: Final = 8080


class Play:
    """The demonstration's story, and what it remembers from act to act."""

    def __init__(self, stage: Stage, net: Testnet) -> None:
        self._stage = stage
        self._net = net
        self._numbers = {node: number for number, node in enumerate(net.nodes, 1)}
        self._signer = Ed25519PrivateKey.from_private_bytes(net.rng.randbytes(32))
        self._edition = 0
        self._value = b""
        self._keepers: tuple[Contact, ...] = ()

    async def explained(self) -> None:
        """Store and find one of each, and say what each is."""
        self._stage.scene(
            "A value",
            "Its key is the hash of the value itself: whoever has the key can read it, and nobody\n"
            "can put anything else in its place. The nodes with ids nearest to the key keep it.",
        )
        await self._immutable(b"hello, whoever asks")
        self._stage.scene(
            "A name",
            "Its key is the hash of a public key. Whoever has the private one can sign a new\n"
            "version; readers check the signature and take the newest, whoever hands it to them.",
        )
        await self._mutable()
        self._stage.scene(
            "A CID",
            "Big things stay with whoever serves them; the network only remembers who that is.",
        )
        await self._provided(b"a film of the year 1926")

    async def again(self) -> None:
        """All of it once more."""
        self._stage.scene(
            "All of it again",
            "Each lookup meets the dead. It gives a silent node a tenth of a second, then asks\n"
            "another in its place, and ends when the nearest that live have answered.",
        )
        await self._immutable(b"still here")
        await self._mutable()
        await self._provided(b"its sequel")

    async def _immutable(self, value: bytes) -> None:
        """Put a value and get it."""
        writer, reader = self._cast(2)
        self._value = value
        await self._stage.step("put", self._put(writer, value))
        await self._stage.step("get", self._get(reader, value))

    async def _put(self, writer: Node, value: bytes) -> Done:
        stored = await writer.put(value)
        self._keepers = stored.evidence.holders
        address = str(names.item_of(stored.key))
        return Done(
            f"{self._called(writer)} puts {value.decode()!r}:\n{_DEEPER}"
            f"{count(stored.copies, 'node')} keep it as {address}",
            stored.evidence,
            {"address": address, "copies": stored.copies},
        )

    async def _get(self, reader: Node, value: bytes) -> Done:
        found = await reader.get(names.item(b"%d:%b" % (len(value), value)).mainline_key)
        expect(found.value == value, "the value", found.value)
        return Done(f"{self._called(reader)} gets {found.value.decode()!r}", found.evidence)

    async def _mutable(self) -> None:
        """Update a name twice, and read it each time."""
        for _ in range(2):
            writer, reader = self._cast(2)
            self._edition += 1
            await self._stage.step("publish", self._publish(writer))
            await self._stage.step("resolve", self._resolve(reader))

    async def _publish(self, writer: Node) -> Done:
        text = b"edition %d" % self._edition
        stored = await writer.publish(self._signer, text, seq=self._edition)
        address = str(names.name(self._public))
        whose = f"as\n{_DEEPER}{address}" if self._edition == 1 else "under the same name"
        return Done(
            f"{self._called(writer)} signs {text.decode()!r} {whose}",
            stored.evidence,
            {"address": address, "seq": self._edition, "copies": stored.copies},
        )

    async def _resolve(self, reader: Node) -> Done:
        found = await reader.resolve(self._public)
        expect(found.seq == self._edition, f"version {self._edition}", found.seq)
        return Done(
            f"{self._called(reader)} reads {found.value.decode()!r}, version {found.seq}",
            found.evidence,
        )

    @property
    def _public(self) -> bytes:
        return self._signer.public_key().public_bytes_raw()

    async def _provided(self, content: bytes) -> None:
        """Provide a CID and find who does."""
        writer, reader = self._cast(2)
        digest = hashlib.sha256(content).digest()
        address = names.content(cids.make(cids.RAW, multihash.encode(multihash.SHA2_256, digest)))
        await self._stage.step("provide", self._provide(writer, address))
        await self._stage.step("find", self._find(reader, address, writer))

    async def _provide(self, writer: Node, address: names.Address) -> Done:
        stored = await writer.provide(address.mainline_key, _PORT)
        return Done(
            f"{self._called(writer)} serves, on port {_PORT},\n{_DEEPER}{address}",
            stored.evidence,
            {"address": str(address), "copies": stored.copies},
        )

    async def _find(self, reader: Node, address: names.Address, writer: Node) -> Done:
        finding = reader.find_providers(address.mainline_key)
        found = {provider.endpoint async for provider in finding}
        where = (writer.addresses[0][0], _PORT)
        expect(found == {where}, "the provider", found)
        told = f"{self._called(reader)} finds it at {format_address(where)}"
        return Done(told, finding.evidence, {"providers": [format_address(where)]})

    async def deaths(self, number: int) -> None:
        """Kill some, and see what is left of what they kept."""
        victims = self._cast(number)
        # A node that is closed has no addresses any more.
        dead = {node.addresses[0] for node in victims}
        await self._net.kill(victims)
        lost = sum(contact.endpoint in dead for contact in self._keepers)
        self._stage.scene(
            f"{count(number, 'node')} die",
            "No farewell: their sockets close, and the others still have them in their tables.\n"
            f"Of the {count(len(self._keepers), 'node')} that kept the value, "
            f"{lost or 'none'} died.",
        )
        first, second = self._cast(2)
        await self._stage.step("get", self._get(first, self._value))
        await self._stage.step("resolve", self._resolve(second))

    def _cast(self, number: int) -> list[Node]:
        return self._net.rng.sample(self._net.nodes, number)

    def _called(self, node: Node) -> str:
        return f"node {self._numbers[node]}"


_DEEPER: Final = " " * 12
