"""Nodes that do not follow the rules.

An adversary is a class registered by name (``simulations.registry``), whose instances answer in
the place of the engines of the attacker's nodes:

    @register("adversary", "mute")
    class Mute(Adversary):
        '''Says nothing to anybody.'''

        def answer(self, request, origin, world):
            return None

``None`` is silence; :meth:`Adversary.honest` is what the engine would have said. One object stands
for one node, and ``band`` are all of them: those who work together. What is said under ``options``
in the TOML are arguments of the class.

Their engines live on behind them: they join, keep up their tables and are known to others, for an
attacker nobody has heard of harms nobody. :meth:`Adversary.keys` says where they stand, and
:meth:`Adversary.act` what they do unasked.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, ClassVar, Final

from dht.core.effects import Reply
from dht.core.keys import Key
from dht.core.messages import Answer, FindNode, Get, Providers, Put, Record
from dht.mainline.nodeid import secure_key
from simulations.registry import register

if TYPE_CHECKING:
    from random import Random

    from dht.core.messages import Contact, Origin, Request, Response
    from simulations.protocol.networks import Network
    from simulations.protocol.node import Node
    from simulations.protocol.world import World


REGION: Final = 8
"""Leading bits that a key shares with the target which an active attacker cares about: those that
a defence would search (about a 256th of all nodes)."""


NEAR: Final = 40
"""Bits that are nearer than any honest key: there are fewer than 2**32 nodes."""


class Adversary:
    """One node of the attacker's. Answers as its engine does, until a subclass knows better.

    Args:
        node: The node it answers for.
        band: All nodes of the attacker's, in the order in which they were placed.
        rng: The attacker's chance.
        target: The key it is after, if it is after one.

    Attributes:
        grinds: Its keys are as near to the target as the network lets it choose them; else
            uniform.
        settled: Its nodes stand in full tables at the start, as all others; else nobody has
            heard of them yet.
        far: Keys whose distance has no bit above this one lie around the target.
    """

    grinds: ClassVar[bool] = False
    settled: ClassVar[bool] = True

    def __init__(self, node: Node, band: list[Node], rng: Random, target: Key) -> None:
        self.node = node
        self.band = band
        self.rng = rng
        self.target = target
        bits = 0 if node.engine is None else node.engine.policy.space.bits
        self.far = max(0, bits - REGION)

    def answer(self, request: Request, origin: Origin, world: World) -> Response | None:
        """What it says to ``request``; ``None`` if nothing."""
        return self.honest(request, origin, world)

    def act(self, world: World) -> float:
        """Do something unasked; when to be asked again, in virtual seconds. Never, by default."""
        return inf

    def honest(self, request: Request, origin: Origin, world: World) -> Response | None:
        """What its engine says."""
        engine = self.node.engine
        if engine is None:
            return None
        said: Response | None = None
        for effect in engine.receive(request, origin, world.now):
            if isinstance(effect, Reply):
                said = effect.response
            else:
                world.perform(self.node, [effect])
        return said

    def friends(self, target: Key, n: int) -> tuple[Contact, ...]:
        """Those ``n`` of the band that are closest to ``target``."""
        near = sorted(self.band, key=lambda node: node.contact.key ^ target)[:n]
        return tuple(node.contact for node in near)

    @classmethod
    def keys(
        cls, contacts: list[Contact], target: Key, network: Network, rng: Random, bits: int = NEAR
    ) -> list[Key]:
        """The keys of its nodes, given where they stand (their keys so far are drawn at will).

        Free ones share ``bits`` with the target (an option of the behaviour): who wants not to be
        noticed is no nearer than he must be.
        """
        if not cls.grinds:
            return [contact.key for contact in contacts]
        if network.secure:
            hosts = [str(contact.endpoint[0]) for contact in contacts]  # type: ignore[index]
            drawn = ([secure_key(host, r, rng) for r in range(8)] for host in hosts)
            return [min(each, key=target.__xor__) for each in drawn]
        space = network.policy.space
        return [space.draw_under(target, bits, rng) for _ in contacts]


@register("adversary", "drop")
class Drop(Adversary):
    """Answers pings, so that it stays in tables, and nothing else."""

    def answer(self, request: Request, origin: Origin, world: World) -> Response | None:
        """Silence, but for the sign of life."""
        useful = isinstance(request, FindNode | Get | Providers | Put)
        return None if useful else self.honest(request, origin, world)


@register("adversary", "mislead")
class Mislead(Adversary):
    """Names none but its own as closer, and holds nothing: a walk that meets it is led astray."""

    def answer(self, request: Request, origin: Origin, world: World) -> Response | None:
        """The nearest of the band."""
        said = self.honest(request, origin, world)
        if not isinstance(said, Answer) or not said.closer:
            return said
        towards = _asked(request) or self.target
        return Answer(self.friends(towards, len(said.closer)), ticket=said.ticket)


@register("adversary", "sybil")
class Sybil(Adversary):
    """Surrounds a key, takes what is to be stored there, and denies that it has it.

    Passive: whom it names as closer is true. It is the attack of Sridhar et al. (NDSS 2024).
    """

    grinds = True

    def answer(self, request: Request, origin: Origin, world: World) -> Response | None:
        """The truth, but for what it was to keep."""
        said = self.honest(request, origin, world)
        if isinstance(said, Answer) and (said.record is not None or said.providers):
            return Answer(said.closer, ticket=said.ticket)
        return said


@register("adversary", "eclipse")
class Eclipse(Sybil):
    """Surrounds a key as :class:`Sybil`, and names none but its own around it.

    Active: with a network that stops early (beta below k) a few of these end the walk, and honest
    holders behind them are never asked (de Moura Netto, Cholez & Ignat 2025).
    """

    def answer(self, request: Request, origin: Origin, world: World) -> Response | None:
        """For the key it is after the band; else as its engine."""
        said = super().answer(request, origin, world)
        asked = _asked(request)
        near = asked is not None and not (asked ^ self.target) >> self.far
        if near and isinstance(said, Answer) and said.closer:
            return Answer(self.friends(self.target, len(said.closer)), ticket=said.ticket)
        return said


@register("adversary", "liar")
class Liar(Adversary):
    """Holds a forged value of every record it is asked for."""

    def answer(self, request: Request, origin: Origin, world: World) -> Response | None:
        """A record under the right key, with a value of its own and the newest version."""
        said = self.honest(request, origin, world)
        if isinstance(request, Get) and isinstance(said, Answer):
            forged = Record(request.key, b"6:forged", 1 << 40)
            return Answer(said.closer, forged, forged.seq, (), said.ticket)
        return said


@register("adversary", "flood")
class Flood(Adversary):
    """Knocks at every honest node again and again, to be let into its table.

    With keys around ``target`` it aims at the table of the node that has this key.
    """

    grinds = True
    settled = False
    every: ClassVar[float] = 60.0

    def act(self, world: World) -> float:
        """Send a request to somebody honest, as one who has just joined would."""
        honest = [node for node in world.nodes if node.alive and node.adversary is None]
        if honest:
            victim = min(honest, key=lambda node: node.contact.key ^ self.target)
            for node in (victim, honest[self.rng.randrange(len(honest))]):
                world.knock(self.node, node, FindNode(self.node.key))
        return world.now + self.every


@register("adversary", "surround")
class Surround(Mislead):
    """Knocks at the node that has the target's key, with keys for each bucket of its table.

    What the victim learns from the attacker's nodes is the attacker's nodes (as :class:`Mislead`).
    """

    grinds = True
    settled = False
    every: ClassVar[float] = 10.0
    buckets: ClassVar[int] = 8

    def act(self, world: World) -> float:
        """Send the victim a request, as one would who wants to be known."""
        if not self.node.alive:
            return inf
        honest = [node for node in world.nodes if node.adversary is None]
        victim = min(honest, key=lambda node: node.contact.key ^ self.target)
        world.knock(self.node, victim, FindNode(self.node.key))
        return world.now + self.every

    @classmethod
    def keys(
        cls, contacts: list[Contact], target: Key, network: Network, rng: Random, bits: int = 0
    ) -> list[Key]:
        """Keys that share 0, 1, 2... bits with the target in turn, as far as can be chosen."""
        space = network.policy.space
        found = []
        for index, contact in enumerate(contacts):
            own = bits + index % cls.buckets
            if network.secure:
                host = str(contact.endpoint[0])  # type: ignore[index]
                drawn = [secure_key(host, r, rng) for r in range(8)]
                near = [abs(space.prefix_length(key, target) - own) for key in drawn]
                found.append(drawn[near.index(min(near))])
            else:
                other = Key(target ^ (1 << (space.bits - 1 - own)))
                found.append(space.draw_under(other, own + 1, rng))
        return found


def _asked(request: Request) -> Key | None:
    """The key that contacts are wanted for, if the request wants any."""
    if isinstance(request, FindNode):
        return request.target
    return request.key if isinstance(request, Get | Providers) else None
