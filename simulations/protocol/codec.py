"""Messages as the bytes of Mainline, for worlds in which the dialect is under test as well.

Each node then has a translator of its own (:class:`~dht.mainline.krpc.Krpc`), as each socket of a
real node has: what an engine wants sent is encoded, travels, and is decoded where it arrives. What
a datagram cannot carry is lost on the way, as it would be. It costs five times as much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from dht.mainline.krpc import Krpc, Rejected

if TYPE_CHECKING:
    from random import Random

    from dht.core.effects import Call
    from dht.core.messages import Origin, Request, Response
    from dht.core.policy import Policy
    from dht.mainline.compact import Address
    from simulations.protocol.node import Node
    from simulations.protocol.world import World


class Codec:
    """The translator of one node of a world."""

    __slots__ = ("_krpc", "_node", "_world")

    def __init__(self, world: World, node: Node, policy: Policy, rng: Random) -> None:
        self._world = world
        self._node = node
        self._krpc = Krpc(node.key, rng, family="ipv4", read_only=not node.serves, policy=policy)

    def call(self, call: Call, target: Node) -> None:
        """Send a request."""
        data = self._krpc.encode_call(call)
        if data is not None:
            self._world.carry(self._node, target, self._arrive, data, target)

    def reply(self, handle: object, response: Response) -> None:
        """Send a response to where the request came from."""
        data, address = self._krpc.encode_reply(handle, response)
        self._send(data, address)

    def forget(self, call: int) -> None:
        """Nobody waits for this call any more."""
        self._krpc.forget(call)

    def _send(self, data: bytes, address: Address) -> None:
        target = self._world.at.get(address)
        if target is not None:
            self._world.carry(self._node, target, self._arrive, data, target)

    def _arrive(self, data: bytes, target: Node) -> None:
        """A datagram of ours arrives at ``target``."""
        if target.codec is not None:
            target.codec.take(data, cast("Address", self._node.endpoint))

    def take(self, data: bytes, source: Address) -> None:
        """Decode a datagram for our engine."""
        message = self._krpc.decode_untrusted(data, source)
        if isinstance(message, Rejected):
            self._send(message.data, source)
        elif message is not None:
            self._hand_over(message.message, message.origin)

    def _hand_over(self, message: Request | Response, origin: Origin) -> None:
        self._world.deliver(self._node, message, origin)
