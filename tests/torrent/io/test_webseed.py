"""Web seeds against a real server with ranges, and against ones that lie, stall and redirect."""

from __future__ import annotations

import math
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from tests import web
from tests.tracker_server import Swarms, http_tracker
from torrent.core.webseed import PieceRun, WebFile, WebLayout
from torrent.io.webseed import FIRST_REST_S, WebSeed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONTENT = Random(1).randbytes(200_000)
ONE = WebLayout("one file.bin", 16_384, (WebFile((), len(CONTENT)),), single=True)
MANY = WebLayout(
    "folder",
    16_384,
    (
        WebFile(("a b.bin",), 50_000),
        WebFile((".pad", "15536"), 15_536, pad=True),
        WebFile(("sub", "c.bin"), 60_000),
        WebFile(("sub", "empty"), 0),
        WebFile(("d.bin",), 5),
    ),
    single=False,
)
FILES = {
    "/one%20file.bin": CONTENT,
    "/folder/a%20b.bin": CONTENT[:50_000],
    "/folder/sub/c.bin": CONTENT[50_000:110_000],
    "/folder/d.bin": CONTENT[:5],
}
WHOLE = CONTENT[:50_000] + bytes(15_536) + CONTENT[50_000:110_000] + CONTENT[:5]


class Swarm:
    """Hands out runs, keeps what comes; the end of the runs ends the seed."""

    def __init__(self, *runs: PieceRun) -> None:
        self.runs = list(runs)
        self.pieces: dict[int, bytearray] = {}
        self.given_back: list[PieceRun] = []

    async def next_run(self) -> PieceRun | None:
        await trio.lowlevel.checkpoint()
        return self.runs.pop(0) if self.runs else None

    async def deliver(self, piece: int, begin: int, data: memoryview) -> None:
        await trio.lowlevel.checkpoint()
        kept = self.pieces.setdefault(piece, bytearray())
        assert len(kept) == begin, "in order, without gaps"
        kept += data
        assert len(kept) <= 16_384

    def abandoned(self, run: PieceRun) -> None:
        self.given_back.append(run)

    @property
    def data(self) -> bytes:
        return b"".join(bytes(self.pieces[piece]) for piece in sorted(self.pieces))


class Requests(list[tuple[str, str]]):
    """What a server was asked, and over how many connections."""

    def __init__(self) -> None:
        super().__init__()
        self.connections: set[Any] = set()


def ranged(handler: Any, files: dict[str, bytes] = FILES) -> None:
    web.ranged(handler, files)


@contextmanager
def server(answer: Callable[[Any], None] = ranged) -> Iterator[tuple[str, Requests]]:
    swarms, requests = Swarms(), Requests()

    def noting(handler: Any) -> None:
        requests.append((handler.path, handler.headers.get("Range", "")))
        requests.connections.add(handler.client_address)
        answer(handler)

    swarms.answer = noting
    with http_tracker(swarms) as url:
        yield url.removesuffix("announce"), requests


async def fetch(seed: WebSeed, *runs: PieceRun) -> Swarm:
    swarm = Swarm(*runs)
    await seed.run(swarm)
    return swarm


async def test_a_file_comes_in_runs_over_one_connection() -> None:
    with server() as (root, requests):
        seed = WebSeed(root, ONE)
        swarm = await fetch(seed, PieceRun(0, 5), PieceRun(5, 1), PieceRun(6, 7))
    assert swarm.data == CONTENT
    assert requests == [
        ("/one%20file.bin", "bytes=0-81919"),
        ("/one%20file.bin", "bytes=81920-98303"),
        ("/one%20file.bin", "bytes=98304-199999"),
    ]
    assert len(requests.connections) == 1
    assert (seed.status.received, seed.status.message) == (len(CONTENT), "")
    assert not seed.status.retired


class Comparing(Swarm):
    """Compares what the seed says it has sent with what came of it."""

    seed: WebSeed
    came = 0

    async def deliver(self, piece: int, begin: int, data: memoryview) -> None:
        await super().deliver(piece, begin, data)
        self.came += len(data)
        assert self.seed.status.received >= self.came, "nothing of this is from a peer"


async def test_what_comes_is_counted_before_it_is_handed_on() -> None:
    swarm = Comparing(PieceRun(0, 3))
    with server() as (root, _):
        swarm.seed = WebSeed(root, ONE)
        await swarm.seed.run(swarm)
    assert swarm.came == swarm.seed.status.received


async def test_a_folder_comes_with_zeros_for_its_padding() -> None:
    with server() as (root, requests):
        swarm = await fetch(WebSeed(root, MANY), PieceRun(0, MANY.pieces))
    assert swarm.data == WHOLE
    assert [path for path, _ in requests] == [p for p in FILES if p.startswith("/folder")]


async def test_the_url_of_the_file_itself() -> None:
    with server() as (root, _):
        swarm = await fetch(WebSeed(root + "one%20file.bin", ONE), PieceRun(3, 2))
    assert swarm.data == CONTENT[3 * 16_384 : 5 * 16_384]


async def test_a_whole_file_without_range_will_do() -> None:
    with server(lambda handler: handler.send(200, CONTENT)) as (root, _):
        swarm = await fetch(WebSeed(root, ONE), PieceRun(0, 13))
    assert swarm.data == CONTENT


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda h: h.send(404, b""), "answers with status 404"),
        (lambda h: h.send(416, b""), "answers with status 416"),
        (lambda h: h.send(200, CONTENT), "does not serve ranges"),
        (lambda h: h.send(206, bytes(16_384)), "does not say which"),
        (
            lambda h: h.send(206, bytes(16_384), Content_Range="bytes 0-16383/200001"),
            "its file has 200001 bytes and the torrent's 200000",
        ),
        (
            lambda h: h.send(206, bytes(16_385), Content_Range="bytes 0-16383/200000"),
            "more than was asked for",
        ),
        (lambda h: h.send(302, b"", Location="/x?q=1"), "may not have a query"),
        (lambda h: h.send(302, b"", Location="ftp://x/"), "scheme 'ftp'"),
    ],
)
async def test_the_hopeless_are_retired(answer: Callable[[Any], None], why: str) -> None:
    with server(answer) as (root, requests):
        seed = WebSeed(root, ONE)
        swarm = await fetch(seed, PieceRun(0, 1), PieceRun(1, 1))
    assert why in seed.status.message
    assert seed.status.retired
    assert swarm.given_back == [PieceRun(0, 1)]
    assert swarm.runs == [PieceRun(1, 1)]  # which was not taken
    assert len(requests) == 1


async def test_a_name_with_a_step_in_it_is_never_asked_for() -> None:
    evil = WebLayout("..", 16_384, (WebFile((), 5),), single=True)
    with server() as (root, requests):
        seed = WebSeed(root, evil)
        await fetch(seed, PieceRun(0))
    assert seed.status.retired
    assert requests == []


class Recovering(Swarm):
    """Hands out again what was given back, and notes the times at which it was asked for work."""

    def __init__(self, clock: trio.testing.MockClock, *runs: PieceRun) -> None:
        super().__init__(*runs)
        self.clock = clock
        self.times: list[float] = []

    async def next_run(self) -> PieceRun | None:
        self.times.append(trio.current_time())
        self.clock.autojump_threshold = math.inf
        if len(self.times) == 2:
            self.runs += self.given_back
            for run in self.given_back:  # nothing of those is complete
                self.pieces.pop(run.first, None)
        return await super().next_run()

    def abandoned(self, run: PieceRun) -> None:
        super().abandoned(run)
        self.clock.autojump_threshold = 0.0


async def failing_once(
    answer: Callable[[Any], None], clock: trio.testing.MockClock
) -> tuple[Swarm, float]:
    """The first request goes wrong, the others well; how long the seed rested in between.

    The clock stands while a server thinks, however long it does, and jumps when the seed rests.
    """
    asked = []

    def first_time(handler: Any) -> None:
        asked.append(handler.path)
        (answer if len(asked) == 1 else ranged)(handler)

    with server(first_time) as (root, _):
        seed = WebSeed(root, ONE)
        swarm = Recovering(clock, PieceRun(2, 3))
        await seed.run(swarm)
    assert swarm.data == CONTENT[2 * 16_384 : 5 * 16_384]
    assert (seed.status.failures, seed.status.message) == (0, "")
    return swarm, swarm.times[1] - swarm.times[0]


def short(handler: Any) -> None:
    """A piece and a bit, then the connection breaks."""
    handler.send_response(206)
    handler.send_header("Content-Range", "bytes 32768-81919/200000")
    handler.send_header("Content-Length", "49152")
    handler.end_headers()
    handler.wfile.write(CONTENT[32_768 : 32_768 + 20_000])
    handler.close_connection = True


async def test_what_came_before_a_break_is_kept(mock_clock: trio.testing.MockClock) -> None:
    swarm, rested = await failing_once(short, mock_clock)
    assert swarm.given_back == [PieceRun(3, 2)]
    assert rested >= FIRST_REST_S


async def test_a_body_that_ends_early(mock_clock: trio.testing.MockClock) -> None:
    def brief(handler: Any) -> None:
        handler.send(206, CONTENT[32_768:32_800], Content_Range="bytes 32768-81919/200000")

    swarm, rested = await failing_once(brief, mock_clock)
    assert swarm.given_back == [PieceRun(2, 3)]
    assert rested >= FIRST_REST_S


async def test_a_busy_server_is_left_alone_for_as_long_as_it_asks(
    mock_clock: trio.testing.MockClock,
) -> None:
    def busy(handler: Any) -> None:
        handler.send(503, b"", Retry_After="90")

    _, rested = await failing_once(busy, mock_clock)
    assert rested >= 90.0


async def test_a_server_that_stalls_gives_its_run_back(mock_clock: trio.testing.MockClock) -> None:
    def jump() -> None:
        mock_clock.autojump_threshold = 0.0

    loop = trio.lowlevel.current_trio_token()

    def stalling(handler: Any) -> None:
        trio.from_thread.run_sync(jump, trio_token=loop)
        handler.rfile.read(1)

    swarm, rested = await failing_once(stalling, mock_clock)
    assert swarm.given_back == [PieceRun(2, 3)]
    assert rested >= FIRST_REST_S


async def test_rests_double_up_to_half_an_hour() -> None:
    from torrent.io.http import HttpFailed

    seed = WebSeed("http://127.0.0.1:1/", ONE)
    rests = [seed._note(HttpFailed("broken")) for _ in range(12)]
    assert rests[:4] == [10, 20, 40, 80]
    assert rests[-1] == 1800
    assert seed._note(HttpFailed("busy", retry_after=1e9)) == 1800


async def test_where_a_file_moved_is_remembered() -> None:
    def moved(handler: Any) -> None:
        if handler.path == "/one%20file.bin":
            handler.send(302, b"", Location="/mirror/x.bin")
        else:
            ranged(handler, {"/mirror/x.bin": CONTENT})

    with server(moved) as (root, requests):
        swarm = await fetch(WebSeed(root, ONE), PieceRun(0, 6), PieceRun(6, 7))
    assert swarm.data == CONTENT
    assert [path for path, _ in requests] == ["/one%20file.bin", "/mirror/x.bin", "/mirror/x.bin"]


async def test_a_password_in_the_url_is_used_every_time() -> None:
    def guarded(handler: Any) -> None:
        if handler.headers.get("Authorization") == "Basic bWU6cGFzcw==":
            ranged(handler)
        else:
            handler.send(401, b"")

    with server(guarded) as (root, _):
        seed = WebSeed(root.replace("//", "//me:pass@"), ONE)
        swarm = await fetch(seed, PieceRun(0, 6), PieceRun(6, 7))
    assert swarm.data == CONTENT


async def test_a_swarm_that_is_full_slows_the_server_down() -> None:
    class Full(Swarm):
        async def deliver(self, piece: int, begin: int, data: memoryview) -> None:
            await trio.sleep_forever()

    with server() as (root, _), trio.move_on_after(0.2) as scope:
        await WebSeed(root, ONE).run(Full(PieceRun(0, 13)))
    assert scope.cancelled_caught
