"""Twenty visitors at once of a site: how much of it they have from each other.

One computer publishes a site and serves it by plain HTTP, too, which the name says (BEP 19). Twenty
visitors, each with a gateway of his own that knows nothing yet, open the front page in the same
moment, and then all other pages, each in an order of his own. A page is a document and twenty
resources, which a browser fetches by six connections. Before that twenty such browsers open a page
of the origin itself, all at once. All uplinks are equally wide, the origin's too; downlinks are not
limited.

**Theory.** The origin has to send everything once; what it sends beyond that is what peers could
have sent. So of the bytes that N visitors receive, peers can send (N-1)/N and no more, which is
0.95 of them for twenty. What is judged is the share that they did send of those 0.95. The origin's
part is what left its uplink: files by HTTP, pieces, metadata, headers, and what the DHT says, all
of which is counted against us.

The origin alone sends a page to N visitors in N times the page's size by its uplink. How long a
page takes with peers, theory does not say: the first cannot be there before the origin sent it
once, and everything together not before N/(N+1) of the site's size by an uplink.

Besides these there are computers that keep nodes of the DHT and nothing else, as nearly all of a
real one's do.
"""

from __future__ import annotations

import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median
from typing import Final
from urllib.parse import urlsplit

from benchmarks.child import Child
from benchmarks.computers import PORT, Computer, together
from benchmarks.netns import internet, throttle
from benchmarks.report import Row, ms, percentile

OPEN: Final = 1000.0
GATE: Final = "127.0.0.1:8080"
DEMAND: Final = 0.6


@dataclass(frozen=True, slots=True)
class Plan:
    """Who visits what.

    Attributes:
        visitors: How many.
        pages, resources, size: Pages, resources on each, bytes of each resource.
        nodes: How many nodes the DHT has beside the origin's.
        uplink: Of everybody, Mbit/s.
        delay: Seconds from any computer to any other.
    """

    visitors: int = 20
    pages: int = 10
    resources: int = 20
    size: int = 250_000
    nodes: int = 4
    uplink: float = 20.0
    delay: float = 0.03

    @property
    def site(self) -> int:
        """Bytes of the site, about."""
        return self.pages * self.resources * self.size


FULL: Final = Plan()
SMOKE: Final = Plan(visitors=2, pages=1, resources=2, size=20_000, nodes=1, delay=0.0)


@dataclass(slots=True)
class Outcome:
    """What was measured.

    Attributes:
        pages: Seconds of each page of each visitor, with peers.
        documents: Seconds until each had the front page's document: a name, a swarm, a piece.
        direct: Seconds of each visitor's page from the origin.
        received: Bytes that visitors received, with peers.
        seconds: Until the last visitor had everything.
        crossed: Bytes that left each uplink meanwhile, the origin's first.
        sources: Bytes that gateways had from peers and from origins, by their own account.
    """

    pages: list[float] = field(default_factory=list)
    documents: list[float] = field(default_factory=list)
    direct: list[float] = field(default_factory=list)
    received: int = 0
    seconds: float = 0.0
    crossed: list[int] = field(default_factory=list)
    sources: dict[str, int] = field(default_factory=dict)

    @property
    def offload(self) -> float:
        """The share of bytes that did not come from the origin."""
        return 1 - self.crossed[0] / self.received


def make(plan: Plan, site: Path) -> list[list[str]]:
    """A site of files that cannot be compressed; the paths of each page."""
    rng, pages = Random(9), []
    for page in range(plan.pages):
        folder = site / f"page{page}"
        folder.mkdir(parents=True)
        names = [f"r{number}.bin" for number in range(plan.resources)]
        links = "".join(f'<img src="{name}">' for name in names)
        (folder / "index.html").write_text(f"<!doctype html><title>{page}</title>{links}")
        for name in names:
            (folder / name).write_bytes(rng.randbytes(plan.size))
        pages.append([f"page{page}/{name}" for name in ("index.html", *names)])
    return pages


class Run:
    """One site and its visitors."""

    def __init__(self, plan: Plan, root: Path) -> None:
        self.plan, self.root = plan, root
        self.pages = make(plan, root / "site")
        self.outcome = Outcome()
        self.gate = threading.Lock()

    def run(self) -> Outcome:
        """Build it, measure, take it down."""
        plan = self.plan
        with (
            internet([OPEN] * (1 + plan.nodes + plan.visitors), plan.delay) as (places, switch),
            ExitStack() as stack,
        ):
            door = f"{places[0].host}:{PORT}"
            origin, *others = [
                Computer(at, self.root / f"home{number}", door) for number, at in enumerate(places)
            ]
            nodes, visitors = others[: plan.nodes], others[plan.nodes :]
            web = self.web(stack, origin)
            name = self.publish(stack, origin, nodes, f"http://{web}/")
            serving = [each.begin(stack, "serve", "--listen", GATE) for each in visitors]
            urls = [ready()["url"] for ready in serving]
            inside = [each.place.inside for each in visitors]
            browsers = [Child(stack, "benchmarks.visitor", inside=each) for each in inside]
            for each in (origin, *visitors):
                throttle(each.place, plan.uplink)
            self.ask_origin(browsers, web)
            self.visit(switch, browsers, [f"{each}btpk/{name.replace('/', '~')}/" for each in urls])
            self.account(visitors)
        return self.outcome

    def web(self, stack: ExitStack, origin: Computer) -> str:
        """Have the origin's web server run; its host."""
        host = origin.place.host
        command = ("benchmarks.origin", host, "80", str(self.root))
        Child(stack, *command, inside=origin.place.inside).hear()
        return host

    def publish(self, stack: ExitStack, origin: Computer, nodes: list[Computer], url: str) -> str:
        """Have the publisher's node run, and the site published; its name."""
        Computer(origin.place, origin.home, "").stay(stack, "--listen", origin.door, "node")
        for ready in [each.begin(stack, "node") for each in nodes]:
            ready()
        return str(origin.ask("publish", str(self.root / "site"), "--origin", url)["name"])

    def ask_origin(self, browsers: list[Child], host: str) -> None:
        """Everybody asks the origin for one page, each for another, at once."""

        def life(number: int) -> None:
            page = self.pages[number % len(self.pages)]
            paths = [f"/site/{path}" for path in page]
            came = browsers[number].ask({"host": host, "port": 80, "paths": paths})
            with self.gate:
                self.outcome.direct.append(came["seconds"])

        together(life, len(browsers))

    def visit(self, switch: Child, browsers: list[Child], urls: list[str]) -> None:
        """Everybody visits everything, at once."""

        def life(number: int) -> None:
            rest = self.pages[1:]
            Random(number).shuffle(rest)
            at = urlsplit(urls[number])
            for page in (self.pages[0], *rest):
                paths = [at.path + path for path in page]
                job = {"host": at.hostname, "port": at.port, "paths": paths}
                came = browsers[number].ask(job)
                with self.gate:
                    self.outcome.pages.append(came["seconds"])
                    if page is self.pages[0]:
                        self.outcome.documents.append(came["document"])
                    self.outcome.received += came["bytes"]

        switch.say({"do": "count"})
        began = time.monotonic()
        together(life, len(browsers))
        self.outcome.seconds = time.monotonic() - began
        switch.leave()
        report = switch.hear()
        self.outcome.crossed = [sum(each) for each in report["crossed"]]
        assert not report["missed"] + report["refused"], f"the switch lost frames: {report}"

    def account(self, visitors: list[Computer]) -> None:
        """What the gateways say themselves."""
        for each in visitors:
            for source, size in bytes_of(each).items():
                self.outcome.sources[source] = self.outcome.sources.get(source, 0) + size


def bytes_of(visitor: Computer) -> dict[str, int]:
    """What a visitor's gateway says it had from peers and from origins."""
    told = visitor.run("curl", "--silent", f"http://{GATE}/metrics")
    lines = {
        source: f'dhtctl_gateway_bytes_total{{source="{source}"}} ' for source in ("peer", "origin")
    }
    return {
        source: int(told.partition(line)[2].partition("\n")[0]) for source, line in lines.items()
    }


def run(*, smoke: bool) -> list[Row]:
    """Visit, and say who sent what."""
    plan = SMOKE if smoke else FULL
    with tempfile.TemporaryDirectory() as directory:
        return rows(plan, Run(plan, Path(directory)).run())


def rows(plan: Plan, outcome: Outcome) -> list[Row]:
    """The lines of the table."""
    most = (plan.visitors - 1) / plan.visitors
    share = outcome.offload / most
    slow, direct = percentile(outcome.pages, 95), percentile(outcome.direct, 95)
    sent = [each / plan.site for each in outcome.crossed]
    print(
        f"the origin sent {sent[0]:.2f} sites, visitors {min(sent[1:]):.2f} to {max(sent[1:]):.2f}"
    )
    print(f"gateways had {outcome.sources} bytes; all was there after {outcome.seconds:.1f} s")
    print(f"the first document came after {ms(min(outcome.documents))}, the last of them after")
    print(f"{ms(max(outcome.documents))}; half of all pages took {ms(median(outcome.pages))}")
    who = f"{plan.visitors} visitors at once of {plan.site / 1e6:.0f} MB, {plan.uplink:.0f} Mbit/s"
    return [
        Row(
            f"{who}: from peers, of what theory allows",
            f"{share:.0%}",
            f"theory {most:.0%} of all bytes",
            f"{outcome.offload:.0%} of all",
            f">= {DEMAND:.0%}, target 80%",
            share >= DEMAND,
        ),
        Row(
            f"a page of {plan.resources} resources, p95",
            f"{slow:.1f} s",
            f"the origin alone {direct:.1f} s",
            f"{slow / direct:.2f}x",
            "<= 1.00x",
            slow <= direct,
        ),
    ]
