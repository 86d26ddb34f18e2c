"""The verbs that look around: lookup, ping, scrape, sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dht.core.commands import Ask, Locate, Survey, Walk
from dht.core.keys import MAINLINE_SPACE
from dht.core.messages import Contact, Ping, Samples, Scrape
from dht.errors import NoAnswer
from dht.mainline.bloom import estimate, union
from dht.node.config import format_address, parse_address
from dht.node.joining import resolve_name
from dht.node.results import Pong, Sampled, Scraped, Walked
from dht.node.verbs import Verbs, read_key

if TYPE_CHECKING:
    from dht.node.udp import Address, Port
    from dht.node.verbs import KeyLike


class Exploring(Verbs):
    """Questions about the network itself."""

    async def lookup(self, key: KeyLike, *, paths: int = 1) -> Walked:
        """Find the live nodes closest to ``key``.

        Raises:
            NoNetwork: There was nobody to ask.
        """
        name, target = read_key(key)
        evidence = (await self._finish(lambda n, _: Walk(n, target, paths))).evidence
        self._must_have_answers(evidence)
        nearest = sorted(evidence.closest, key=lambda contact: contact.key ^ target)
        return Walked(name, tuple(nearest), evidence)

    async def ping(self, address: Address | str) -> Pong:
        """Ask the node at ``address`` ("host:port", a name will do) whether it is there.

        Raises:
            NoAnswer: It did not answer.
            ValueError: The address makes no sense, or has no meaning on any of our ports.
        """
        where = parse_address(address) if isinstance(address, str) else address
        port, endpoint = await self._route(where)
        errand = self._living.host.begin(lambda n, _: Ask(n, endpoint, Ping()), [port])
        try:
            async for found in errand:
                if isinstance(found.item, Contact):
                    errand.stop()
                    evidence = errand.evidence
                    key = MAINLINE_SPACE.to_bytes(found.item.key)
                    return Pong(endpoint, key, evidence.ended - evidence.started)
        finally:
            errand.stop()
        raise NoAnswer(format_address(where), errand.evidence)

    async def _route(self, address: Address) -> tuple[Port, Address]:
        """The first port that can reach ``address``, and what it is called there."""
        for port in self._living.host.ports:
            for endpoint in await resolve_name(address, port.family):
                return port, endpoint
        raise ValueError(
            f"{format_address(address)} cannot be resolved to an address of the families we have"
        )

    async def scrape(self, key: KeyLike) -> Scraped:
        """Estimate how many seeds and other peers ``key`` has (BEP 33).

        Raises:
            NoNetwork: There was nobody to ask.
        """
        name, target = read_key(key)
        errand = await self._finish(lambda n, _: Locate(n, target, scrape=True))
        self._must_have_answers(errand.evidence)
        scrapes = [found.item async for found in errand if isinstance(found.item, Scrape)]
        return Scraped(
            name,
            seeds=estimate(union(scrape.seeds for scrape in scrapes)),
            peers=estimate(union(scrape.peers for scrape in scrapes)),
            filters=len(scrapes),
            evidence=errand.evidence,
        )

    async def sample(self, target: KeyLike) -> Sampled:
        """Ask the nodes on the way to ``target`` which keys they hold providers for (BEP 51).

        Raises:
            NoNetwork: There was nobody to ask.
        """
        name, key = read_key(target)
        errand = await self._finish(lambda n, _: Survey(n, key))
        self._must_have_answers(errand.evidence)
        samples = [found.item async for found in errand if isinstance(found.item, Samples)]
        keys = {each for sample in samples for each in sample.keys}
        return Sampled(
            name,
            keys=tuple(MAINLINE_SPACE.to_bytes(each) for each in sorted(keys)),
            total=sum(sample.total for sample in samples),
            nodes=len(samples),
            evidence=errand.evidence,
        )
