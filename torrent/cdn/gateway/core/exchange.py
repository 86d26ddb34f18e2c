r"""One connection, from bytes to requests and from answers to bytes: h11, with what we add to it.

The shape is h11's own. What is added: requests that a gateway does not take are answered here
(other methods, bodies, upgrades), limits, and how to say no and hang up.

>>> exchange = Exchange()
>>> exchange.receive(b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n")
>>> exchange.next().target
'/x'
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import h11

from torrent.cdn.gateway.core.asked import METHODS, Asked
from torrent.cdn.gateway.core.errors import Refused
from torrent.cdn.gateway.core.route import MAX_TARGET

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torrent.cdn.gateway.core.planning import Plan

MAX_HEAD: Final = 16 << 10
"""Bytes of a request's line and fields: Apache's and nginx's default for all of them is half."""
READ: Final = MAX_HEAD
"""Bytes taken from a socket at once, so that no more than twice a head is ever in memory."""
_ENDS: Final = (b"\r", b"\n")
_WHOLE: Final = re.compile(r"https?://([^/?#]*)([^#]*)", re.IGNORECASE)
"""A target with its host (RFC 9110, section 4.2)."""
_REASONS: Final = {status.value: status.phrase.encode() for status in HTTPStatus}


class _Body:
    """Bytes that somebody else sends: h11 has only to count them."""

    def __init__(self, length: int) -> None:
        self._length = length

    def __len__(self) -> int:
        return self._length


class Exchange:
    """A connection to a visitor."""

    def __init__(self) -> None:
        self._h11 = _begun()
        self._left = 0

    @property
    def idle(self) -> bool:
        """Whether nothing is under way: no byte of a request is here that was not answered."""
        return self._h11.their_state is h11.IDLE and not self._h11.trailing_data[0]

    @property
    def drained(self) -> bool:
        """Whether nothing of a further request is here."""
        return not self._h11.trailing_data[0]

    @property
    def answering(self) -> bool:
        """Whether the beginning of an answer was made and its end was not."""
        return self._h11.our_state is h11.SEND_BODY

    @property
    def closing(self) -> bool:
        """Whether this answer is the last."""
        return self._h11.their_state is h11.MUST_CLOSE

    @property
    def over(self) -> bool:
        """Whether no more requests can follow."""
        return h11.MUST_CLOSE in self._h11.states.values() or self._h11.our_state in (
            h11.CLOSED,
            h11.ERROR,
        )

    def receive(self, data: bytes) -> None:
        """Take what came; empty at the end of the stream.

        Empty lines before a request are skipped (RFC 9112, section 2.2), which h11 does not: some
        clients end what they sent before with one too many.
        """
        if data[:1] in _ENDS and self.idle:
            data = data.lstrip(b"\r\n")
            if not data:
                return
        self._h11.receive_data(data)

    def next(self) -> Asked | None:
        """The next request; ``None`` if more has to come first.

        Raises:
            Refused: It is none that we take: answer it, and hang up.
            EOFError: There will be no more.
        """
        try:
            event = self._h11.next_event()
            if event is h11.NEED_DATA:
                return None
            if not isinstance(event, h11.Request):
                raise EOFError  # noqa: TRY004 - the visitor hung up
            asked = _read(event)
            if not isinstance(self._h11.next_event(), h11.EndOfMessage):
                raise Refused(413, "a request here has no body")
        except h11.RemoteProtocolError as problem:
            raise Refused(problem.error_status_hint, str(problem)) from None
        return asked

    def head(self, plan: Plan, fields: Sequence[tuple[str, str]] = (), *, last: bool) -> bytes:
        """The beginning of an answer: all but its body.

        Args:
            plan: The answer.
            fields: What goes before the plan's own.
            last: Hang up afterwards.
        """
        told = [*fields, *plan.fields]
        if plan.status != 304:  # noqa: PLR2004 - has no body, and none to tell the length of
            told.append(("Content-Length", str(plan.length)))
        self._left = plan.length if plan.body else 0
        if last:
            told.append(("Connection", "close"))
        return (
            self._h11.send(
                h11.Response(status_code=plan.status, headers=told, reason=_REASONS[plan.status])
            )
            or b""
        )

    def sent(self) -> None:
        """The body went out, all of it; the next request may be read."""
        if self._left:
            self._h11.send_with_data_passthrough(h11.Data(data=_Body(self._left)))  # type: ignore[arg-type]
        self._h11.send(h11.EndOfMessage())
        if not self.over and self._h11.their_state is h11.DONE:
            self._h11.start_next_cycle()
            rest, ended = self._h11.trailing_data
            if rest[:1] in _ENDS:
                self._h11 = _begun()
                self.receive(rest)
                if ended:
                    self.receive(b"")


def _begun() -> h11.Connection:
    return h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)


def _read(request: h11.Request) -> Asked:
    """Read a request.

    Raises:
        Refused: It is none that we take.
    """
    method = request.method.decode("ascii")
    if method not in METHODS:
        allow = {"Allow": ", ".join(METHODS)}
        raise Refused(405, "there is nothing here that can be changed", allow)
    if len(request.target) > MAX_TARGET:
        raise Refused(414, f"the path has more than {MAX_TARGET} bytes")
    headers: dict[str, str] = {}
    for raw, value in request.headers:
        name, text = raw.decode("ascii"), value.decode("latin-1")
        headers[name] = f"{headers[name]}, {text}" if name in headers else text
    if headers.keys() >= {"content-length", "transfer-encoding"}:
        # A proxy before us may see the other end of it (RFC 9112, section 6.1).
        raise Refused(400, "a request has one length, not two")
    return _asked(method, request.target.decode("latin-1"), headers)


def _asked(method: str, target: str, headers: dict[str, str]) -> Asked:
    """The request, with its target as a path.

    Proxies are sent whole URLs. Then the URL says which host is meant, whatever ``Host`` says (RFC
    9112, section 3.2.2): two answers to one question are what attacks are made of.

    Raises:
        Refused: The target has no path.
    """
    if target.startswith("/"):
        return Asked(method, target, headers)
    found = _WHOLE.fullmatch(target)
    if found is None:
        raise Refused(400, "the target of the request is no path")
    host, rest = found.groups()
    return Asked(method, rest if rest.startswith("/") else f"/{rest}", {**headers, "host": host})
