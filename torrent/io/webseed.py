"""A web server as one more seed (BEP 19): fetches runs of pieces over HTTP and hands them on.

A :class:`WebSeed` is given work and does not choose it. The swarm hands out whole contiguous runs
(:class:`~torrent.core.webseed.Work`), takes the bytes as they come, verifies them as it would a
peer's, and ends a seed whose bytes are false by giving it no more. What a seed did not bring it
gives back (``abandoned``), so no piece is ever lost with a server.

One connection, kept alive, one request at a time: a web server is somebody's, and reads from it in
order. Where a file was found after redirects is remembered, with the knowledge of who sent us
there, until something fails.

A server that fails is left alone for a while that doubles, or for as long as it asks
(``Retry-After``); one whose failure is final (no such file, another length than the torrent says,
no ranges) is not asked again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trio

from torrent.core.outgoing import Purpose
from torrent.core.webseed import PieceRun, false_answer, file_url, range_header, spans
from torrent.io.http import HttpFailed, HttpSettings, Lane, failure

if TYPE_CHECKING:
    from torrent.core.webseed import Span, WebLayout, Work
    from torrent.io.http import Reply

FIRST_REST_S: Final = 10.0
"""After the first failure; doubles with each that follows."""
LONGEST_REST_S: Final = 1800.0
"""Also for what a server asks: half an hour later it may be another machine."""

_ZEROS: Final = memoryview(bytes(1 << 16))


@dataclass(slots=True)
class WebSeedStatus:
    """How a web seed does.

    Attributes:
        message: What went wrong last; empty while all is well.
        failures: In a row.
        received: Bytes of payload in all.
        retired: It is not asked any more.
    """

    message: str = ""
    failures: int = 0
    received: int = 0
    retired: bool = False


class WebSeed:
    """One URL of a torrent's ``url-list``.

    Attributes:
        url: As the torrent has it.
        status: How it does; changes while it runs.
    """

    def __init__(self, url: str, layout: WebLayout, settings: HttpSettings | None = None) -> None:
        """Take what is to be fetched from where."""
        self.url = url
        self.status = WebSeedStatus()
        self._layout = layout
        self._settings = settings or HttpSettings()
        self._found: dict[int, tuple[str, bool]] = {}

    async def run(self, work: Work) -> None:
        """Fetch what ``work`` hands out, until there is no more or the seed is hopeless.

        Nothing is raised for a server's failure; ``status`` tells.
        """
        async with Lane(Purpose.WEB_SEED, self._settings) as lane:
            while not self.status.retired:
                run = await work.next_run()
                if run is None:
                    return
                rest = await self._serve(lane, run, work)
                if not self.status.retired:
                    await trio.sleep(rest)

    async def _serve(self, lane: Lane, run: PieceRun, work: Work) -> float:
        """Fetch one run; seconds to rest before the next."""
        delivery = _Delivery(self._layout, run, work, self.status)
        try:
            for span in spans(self._layout, run):
                await self._fetch(lane, span, delivery)
        except HttpFailed as problem:
            work.abandoned(delivery.missing())
            return self._note(problem)
        self.status.failures, self.status.message = 0, ""
        return 0.0

    def _note(self, problem: HttpFailed) -> float:
        """Remember a failure; how long to rest after it."""
        self._found.clear()  # A place it redirected to may be gone: begin at the front again.
        self.status.message = str(problem)
        self.status.failures += 1
        self.status.retired = problem.final
        rest = FIRST_REST_S * 2.0 ** min(self.status.failures - 1, 30)
        return min(max(rest, problem.retry_after or 0.0), LONGEST_REST_S)

    async def _fetch(self, lane: Lane, span: Span, delivery: _Delivery) -> None:
        """Bring one stretch of one file."""
        if self._layout.files[span.index].pad:
            await delivery.pad(span.length)
            return
        url, redirected = self._found.get(span.index) or (self._url_of(span.index), False)
        headers = {"Range": range_header(span), "Accept-Encoding": "identity"}
        async with lane.open(url, headers, redirected=redirected) as reply:
            self._check(reply, span)
            self._found[span.index] = (reply.text, reply.redirected)
            await _copy(reply, span, delivery)

    def _url_of(self, index: int) -> str:
        try:
            return file_url(self.url, self._layout, index)
        except ValueError as problem:
            raise HttpFailed(str(problem), final=True) from None

    def _check(self, reply: Reply, span: Span) -> None:
        """Refuse an answer whose body is not what was asked for.

        Raises:
            HttpFailed: It is not.
        """
        if reply.status not in {200, 206}:
            raise failure(reply)
        length = self._layout.files[span.index].length
        reason = false_answer(reply.status, reply.headers, span, length)
        if reason is not None:
            raise HttpFailed(f"the server at {reply.url.host} is no seed: {reason}", final=True)


async def _copy(reply: Reply, span: Span, delivery: _Delivery) -> None:
    """Hand a body on; exactly as many bytes as were asked for."""
    left = span.length
    async for chunk in reply.chunks:
        left -= len(chunk)
        if left < 0:
            raise HttpFailed("the server sends more than was asked for", final=True)
        await delivery.take(memoryview(chunk))
    if left:
        raise HttpFailed(f"the server ended {left} bytes early")


class _Delivery:
    """Where a run has got to: cuts what arrives at the ends of pieces.

    What comes is counted before it is handed on: whoever compares it with all that was downloaded
    never takes the server's bytes for a peer's.
    """

    def __init__(self, layout: WebLayout, run: PieceRun, work: Work, status: WebSeedStatus) -> None:
        self._status = status
        self._piece_length = layout.piece_length
        self._length = layout.length
        self._end = run.first + run.count
        self._at = run.first * layout.piece_length
        self._work = work

    async def take(self, data: memoryview) -> None:
        """Hand on what the server sent."""
        self._status.received += len(data)
        await self._hand_on(data)

    async def pad(self, length: int) -> None:
        """Hand on zeros."""
        while length > 0:
            await self._hand_on(_ZEROS[:length])
            length -= len(_ZEROS)

    async def _hand_on(self, data: memoryview) -> None:
        while data:
            piece, begin = divmod(self._at, self._piece_length)
            some = data[: self._piece_length - begin]
            await self._work.deliver(piece, begin, some)
            self._at += len(some)
            data = data[len(some) :]

    def missing(self) -> PieceRun:
        """The pieces that were not handed on to their last byte; at least one."""
        first = self._at // self._piece_length
        return PieceRun(first, self._end - first)
