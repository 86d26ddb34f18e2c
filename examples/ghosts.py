"""An adversary of one's own: it names contacts that do not exist.

Whoever is asked for the contacts closest to a key may invent some that are closer than anybody.
Nobody answers there, so each costs who believes it a timeout; and while they are waited for, the
true ones behind them are not asked. What do a few such nodes do to everybody's lookups?

    dhtctl sim run examples/ghosts.toml
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dht.core.keys import MAINLINE_SPACE as SPACE
from dht.core.messages import Answer, Contact, FindNode
from simulations.protocol.adversary import Adversary
from simulations.registry import register

if TYPE_CHECKING:
    from dht.core.keys import Key
    from dht.core.messages import Origin, Request, Response
    from simulations.protocol.world import World


@register("adversary", "ghosts")
class Ghosts(Adversary):
    """Names ``count`` contacts near the target at which nobody lives."""

    count = 8

    def answer(self, request: Request, origin: Origin, world: World) -> Response | None:
        """Ghosts to who walks somewhere; else what an honest node says."""
        if isinstance(request, FindNode):
            return Answer(tuple(self.ghost(request.target) for _ in range(self.count)))
        return self.honest(request, origin, world)

    def ghost(self, target: Key) -> Contact:
        """Nearer than anybody: with a million nodes the nearest shares about 20 bits."""
        host = ".".join(str(self.rng.randrange(16, 96)) for _ in range(4))
        return Contact(SPACE.draw_under(target, 32, self.rng), (host, 6881))
