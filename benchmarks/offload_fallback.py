"""One visitor, when the swarm, the origin, or either of them is slow or gone.

A gateway must never be worse than plain HTTP from the origin, whoever fails: it has the origin as
a web seed (BEP 19), and peers besides. Each case has a visitor of its own, whose gateway knows
nothing yet, and is compared with a browser that fetches the same page from the origin's web server
in the same network, right before:

* nobody seeds: the origin has the torrent file, too, so it says what it has;
* peers are slow, the origin is not;
* the origin is slow, peers are not;
* the origin is gone, peers are not; what that is compared with was before it went.

What a gateway has to do beforehand, plain HTTP has not: look up a name, find a swarm, learn what
the torrent is. For that it has :data:`GRACE`.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.child import Child
from benchmarks.computers import PORT, Computer
from benchmarks.netns import Place, internet, throttle
from benchmarks.offload_site import GATE, OPEN, bytes_of, make
from benchmarks.offload_site import Plan as Site
from benchmarks.report import Row, ms

GRACE: Final = 1.0
"""Seconds."""
CASES: Final = ("nobody seeds", "peers are slow", "the origin is slow", "the origin is gone")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is visited, and how wide uplinks are (Mbit/s).

    Attributes:
        site: One page.
        peers: How many have it.
        wide: An uplink.
        narrow: One that is slow.
        delay: Seconds from any computer to any other.
    """

    site: Site
    peers: int = 3
    wide: float = 20.0
    narrow: float = 2.0
    delay: float = 0.03


FULL: Final = Plan(Site(pages=1, resources=20, size=250_000))
SMOKE: Final = Plan(Site(pages=1, resources=2, size=20_000), peers=1, delay=0.0)


class Run:
    """A network in which things fail one after the other."""

    def __init__(self, plan: Plan, root: Path) -> None:
        self.plan, self.root = plan, root
        [self.page] = make(plan.site, root / "site")
        self.seconds: list[tuple[float, float]] = []

    def run(self) -> list[tuple[float, float]]:
        """Seconds of the page through a gateway, and from the origin, in each of the cases."""
        plan = self.plan
        with (
            internet([OPEN] * (2 + plan.peers + len(CASES)), plan.delay) as (places, _),
            ExitStack() as stack,
        ):
            door = f"{places[0].host}:{PORT}"
            homes = [Computer(at, self.root / f"home{n}", door) for n, at in enumerate(places)]
            origin, publisher, *others = homes
            peers, visitors = others[: plan.peers], others[plan.peers :]
            for at in places:
                throttle(at, plan.wide)
            Computer(origin.place, origin.home, "").stay(stack, "--listen", door, "node")
            web = stack.enter_context(ExitStack())
            host = self.web(web, origin.place)
            with ExitStack() as publishing:
                told = self.publish(publishing, publisher, f"http://{host}/")
                for each in peers:  # The publisher goes, when everybody else has it.
                    each.ask("follow", told["name"], "--once", "-o", str(each.home / "site"))
            self.visit(visitors[0], told, host)
            for each in peers:
                each.stay(stack, "node")
                throttle(each.place, plan.narrow)
            self.visit(visitors[1], told, host)
            throttle(origin.place, plan.narrow)
            for each in peers:
                throttle(each.place, plan.wide)
            self.visit(visitors[2], told, host)
            web.close()
            self.visit(visitors[3], told, "")
        return self.seconds

    def web(self, stack: ExitStack, at: Place) -> str:
        """Have the origin's web server run; its host."""
        Child(stack, "benchmarks.origin", at.host, "80", str(self.root), inside=at.inside).hear()
        return at.host

    def publish(self, stack: ExitStack, publisher: Computer, url: str) -> dict[str, Any]:
        """Publish the site, and upload its torrent file; what was told."""
        told = publisher.stay(stack, "publish", str(self.root / "site"), "--origin", url)
        shutil.copy(told["torrent_file"], self.root / f"{told['infohash']}.torrent")
        return told

    def visit(self, visitor: Computer, told: dict[str, Any], host: str) -> None:
        """Open the page at the origin, if there is one; then through a gateway of the visitor's."""
        with ExitStack() as stack:
            browser = Child(stack, "benchmarks.visitor", inside=visitor.place.inside)
            direct = self.seconds[0][1] if self.seconds else 0.0
            if host:
                paths = [f"/site/{path}" for path in self.page]
                direct = browser.ask({"host": host, "port": 80, "paths": paths})["seconds"]
            visitor.stay(stack, "serve", "--listen", GATE)
            base = f"/btpk/{told['name'].replace('/', '~')}/"
            at, _, port = GATE.partition(":")
            job = {"host": at, "port": int(port), "paths": [base + path for path in self.page]}
            came = browser.ask(job)
            self.seconds.append((came["seconds"], direct))
            sources = bytes_of(visitor)
            print(
                f"{CASES[len(self.seconds) - 1]}: the document after {ms(came['document'])},",
                end=" ",
            )
            print(f"{sources['peer']} bytes from peers, {sources['origin']} from the origin")


def run(*, smoke: bool) -> list[Row]:
    """Visit, and compare."""
    plan = SMOKE if smoke else FULL
    with tempfile.TemporaryDirectory() as directory:
        seconds = Run(plan, Path(directory)).run()
    what = f"a page of {plan.site.site / 1e6:.0f} MB"
    return [
        Row(
            f"{what}, {case}",
            f"{ours:.1f} s",
            f"the origin {'then ' if case == CASES[-1] else ''}{direct:.1f} s",
            f"{ours / direct:.2f}x",
            f"<= {GRACE:.0f} s more",
            ours <= direct + GRACE,
        )
        for case, (ours, direct) in zip(CASES, seconds, strict=True)
    ]
