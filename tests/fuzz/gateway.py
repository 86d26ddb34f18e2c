"""A storm of damaged requests for the gateway: its reader of HTTP, its routes, its rules.

Only :class:`~torrent.cdn.gateway.core.errors.Refused` and the end of the stream may come out, in
bounded time; what is accepted stays inside its site, and every plan adds up. A million:
``python -m tests.fuzz.gateway``.
"""

from __future__ import annotations

from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final

from tests.damage import MUTATIONS
from tests.fuzzing import Outcomes, main, named
from tests.torrent_samples import HYBRID, sample
from torrent.cdn.gateway.core import finding
from torrent.cdn.gateway.core.asked import Asked
from torrent.cdn.gateway.core.errors import Refused
from torrent.cdn.gateway.core.exchange import Exchange
from torrent.cdn.gateway.core.hosts import read_host
from torrent.cdn.gateway.core.media import media_type
from torrent.cdn.gateway.core.planning import Kind, message, plan
from torrent.cdn.gateway.core.ranges import Part
from torrent.cdn.gateway.core.redirects import read_redirects
from torrent.cdn.gateway.core.route import read_route
from torrent.cdn.gateway.core.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torrent.cdn.gateway.core.redirects import Rule

MAX_MUTANT: Final = 20_000
MOUNT: Final = "/btih/" + "ab" * 20
SITE: Final = {"t/index.html": 9, "t/a/b.css": 5, "t/a/x y/é.mp4": 30_000, "t/404.html": 4}
TREE: Final = Tree(sample(SITE, HYBRID).info)
RULES: Final = [
    b"/old/* /a/:splat 302\n/x/:y/:z /a/:z-:y 200\n# no\n/gone /404.html 410\n",
    b"/* https://example.org/:splat 307\n",
    b"/a/:b /:b:b:c 301\n/ / 308\n",
]
FIELDS: Final = [
    b"Range: bytes=0-4,9-,-2",
    b"Range: bytes=5-",
    b'If-None-Match: W/"t", "u"',
    b'If-Range: "t"',
    b"If-Match: *",
    b"Accept: application/json",
    b"Connection: close",
    b"Transfer-Encoding: chunked",
    b"Content-Length: 3",
]
PATHS: Final = [
    f"{MOUNT}/",
    f"{MOUNT}/a/",
    f"{MOUNT}/a/b.css",
    f"{MOUNT}/a/x%20y/%C3%A9.mp4?q#f",
    f"{MOUNT}/%2e%2e/..%2f",
    f"{MOUNT}/old/x",
    "/btpk/k51qzi5uqu5dkqutwt3dvaczvy4hvy57h3l46dstpg3tcybl2vwnbcvamu80dz~blog/a",
    "/btpk/" + "cd" * 32 + "/",
    "http://localhost/metrics",
]


def whole(rng: Random) -> bytes:
    """A request as somebody might send it."""
    method = rng.choice([b"GET", b"GET", b"GET", b"HEAD", b"POST"])
    fields = [b"Host: localhost:8080", *rng.sample(FIELDS, rng.randrange(4))]
    line = method + b" " + rng.choice(PATHS).encode() + b" HTTP/1.1"
    return b"\r\n".join([line, *fields, b"", b""]) * rng.randint(1, 2)


def mutants(rng: Random) -> Iterator[bytes]:
    """Requests without end, most of them damaged."""
    while True:
        data, other = whole(rng), whole(rng)
        for _ in range(rng.randrange(4)):
            data = rng.choice(MUTATIONS)(data, rng, other)[:MAX_MUTANT] or b"G"
        yield data


def receive(data: bytes, rules: tuple[Rule, ...], rng: Random) -> str:
    """Give a connection some bytes, in two portions; name what came of the first request."""
    exchange, outcome, cut = Exchange(), "", rng.randrange(len(data) + 1)
    try:
        for portion in filter(None, (data[:cut], data[cut:])):
            exchange.receive(portion)
            while not exchange.over and (asked := exchange.next()) is not None:
                told = answered(exchange, asked, rules)
                outcome = outcome or told
    except Refused as refused:
        exchange.head(message(Asked("GET", "/", {}), refused.status, refused.why), last=True)
        return outcome or f"refused {refused.status.value}"
    except EOFError:
        return outcome or "ended"
    return outcome or "unfinished"


def answered(exchange: Exchange, asked: Asked, rules: tuple[Rule, ...]) -> str:
    """Answer a request, and check the answer."""
    try:
        route = read_route(asked.path, read_host(asked.header("host")))
        assert not {"", ".", ".."} & set(route.path)
        outcome = finding.present(TREE, route) or finding.absent(TREE, route, rules)
    except Refused as refused:
        made = message(asked, refused.status, refused.why, tuple(refused.headers.items()))
        kind = f"no {refused.status.value}"
    else:
        size = TREE.info.files[outcome.file].length if isinstance(outcome, finding.Found) else 7
        made = plan(asked, Kind(size, '"t"', media_type(route.path[-1] if route.path else "x")))
        kind = f"{type(outcome).__name__} {made.status}"
        parts = [piece for piece in made.body if isinstance(piece, Part)]
        assert all(0 <= part.begin < part.end <= size for part in parts)
    sent = sum(p.length if isinstance(p, Part) else len(p) for p in made.body)
    assert sent in (0, made.length)
    head = exchange.head(made, last=False)
    assert head.count(b"\r\n\r\n") == 1
    assert head.endswith(b"\r\n\r\n")
    exchange.sent()
    return kind


def rules_of(rng: Random) -> tuple[Rule, ...]:
    """Rules, perhaps damaged; none if they make no sense any more."""
    data = rng.choice(RULES)
    for _ in range(rng.randrange(3)):
        if not data:
            break
        data = rng.choice(MUTATIONS)(data, rng, rng.choice(RULES))[:MAX_MUTANT]
    try:
        return read_redirects(data)
    except Refused as refused:
        assert refused.status == 500  # noqa: PT017
        return ()


def run(count: int, seed: int) -> Outcomes:
    """Throw ``count`` requests; every tenth meets other rules."""
    rng, outcomes = Random(seed), Outcomes()
    stream, rules = mutants(rng), rules_of(rng)
    for number in range(count):
        if number % 10 == 0:
            with named(seed, partial("number {}: rules".format, number)):
                rules = rules_of(rng)
        data = next(stream)
        with named(seed, partial("number {}, the request was {!r}".format, number, data)):
            outcomes.note(receive(data, rules, rng))
    return outcomes


if __name__ == "__main__":
    raise SystemExit(main(__doc__, run))
