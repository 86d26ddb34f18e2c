"""How a request for something that is there is answered: status, fields, and which bytes.

One function, pure: what is there goes in as a :class:`Kind` (how long, which tag, what type, how
long it may be kept), and out comes a :class:`Plan`, which the shell has only to perform.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from torrent.cdn.gateway.core.asked import HEAD
from torrent.cdn.gateway.core.conditions import Verdict, judge, ranges_apply
from torrent.cdn.gateway.core.ranges import Part, read_ranges

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torrent.cdn.gateway.core.asked import Asked

FOREVER: Final = "public, max-age=29030400, immutable"
"""Of what a hash names. 48 weeks, as IPFS gateways say (RFC 8246 for the rest)."""
FRESH: Final = "public, max-age=10, stale-while-revalidate=60"
"""Of what a name leads to: as long as a gateway itself goes on without asking, and a little."""
NEVER: Final = "no-store"

Piece: TypeAlias = bytes | Part
"""What a body is made of: bytes of ours, and parts of what is there."""

_BOUNDARY: Final = "dhtctl-part-of-"


@dataclass(frozen=True, slots=True)
class Kind:
    """What is known of something before it is read.

    Attributes:
        size: Bytes.
        etag: Its strong entity tag, with quotes.
        media: Its ``Content-Type``.
        caching: Its ``Cache-Control``.
        more: Further fields.
    """

    size: int
    etag: str
    media: str
    caching: str = FRESH
    more: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """An answer.

    Attributes:
        status: Of HTTP.
        fields: Names and values, in order.
        length: Bytes of the body; what ``Content-Length`` says, also where no body is sent.
        body: What the body is made of; empty where none is sent.
    """

    status: int
    fields: tuple[tuple[str, str], ...]
    length: int
    body: tuple[Piece, ...] = ()


def plan(asked: Asked, kind: Kind, status: int = 200) -> Plan:
    """Answer a GET or HEAD.

    Args:
        asked: The request.
        kind: What is there.
        status: 200; or that of an error whose page it is, to which no condition applies.
    """
    if status != 200:  # noqa: PLR2004
        return _whole(asked, kind, status, (("Cache-Control", kind.caching), *kind.more.items()))
    verdict = judge(asked, kind.etag)
    if verdict is Verdict.UNCHANGED:
        return Plan(304, _known(kind), 0)
    if verdict is Verdict.FAILED:
        return message(asked, 412, "it is another now", (("ETag", kind.etag),))
    wanted = asked.header("range")
    # Ranges are defined for GET alone (section 14.2).
    if wanted is not None and asked.method != HEAD and ranges_apply(asked, kind.etag):
        parts = read_ranges(wanted, kind.size)
        if parts is not None:
            return _partial(asked, kind, parts)
    return _whole(asked, kind, 200, (*_known(kind), ("Accept-Ranges", "bytes")))


def message(asked: Asked, status: int, text: str, fields: Sequence[tuple[str, str]] = ()) -> Plan:
    """Answer with a sentence."""
    body = f"{text}\n".encode()
    kind = Kind(len(body), "", "text/plain; charset=utf-8")
    return _whole(asked, kind, status, (("Cache-Control", NEVER), *fields), body)


def _known(kind: Kind) -> tuple[tuple[str, str], ...]:
    """The fields that 200, 206 and 304 have in common (section 15.4.5)."""
    return (("Cache-Control", kind.caching), ("ETag", kind.etag), *kind.more.items())


def _whole(
    asked: Asked,
    kind: Kind,
    status: int,
    fields: Sequence[tuple[str, str]],
    body: bytes | None = None,
) -> Plan:
    content: Piece = Part(0, kind.size) if body is None else body
    return Plan(
        status,
        (("Content-Type", kind.media), *_SAFE, *fields),
        kind.size,
        (content,) if asked.method != HEAD and kind.size else (),
    )


_SAFE: Final = (("X-Content-Type-Options", "nosniff"),)


def _partial(asked: Asked, kind: Kind, parts: Sequence[Part]) -> Plan:
    if not parts:
        unsatisfied = ("Content-Range", f"bytes */{kind.size}")
        return message(asked, 416, f"it has {kind.size} bytes", (unsatisfied,))
    if len(parts) == 1:
        [part] = parts
        told = ("Content-Range", part.content_range(kind.size))
        fields = (("Content-Type", kind.media), *_SAFE, *_known(kind), told)
        return Plan(206, fields, part.length, (part,))
    return _multipart(kind, parts)


def _multipart(kind: Kind, parts: Sequence[Part]) -> Plan:
    """Several parts in one body (section 14.6).

    The boundary must not occur in what it bounds. It is made of the entity tag, a hash of the
    content: to have it inside, a file would have to contain its own hash.
    """
    boundary = _BOUNDARY + "".join(filter(str.isalnum, kind.etag))[:32]
    body: list[Piece] = []
    for part in parts:
        head = (
            f"\r\n--{boundary}\r\nContent-Type: {kind.media}\r\n"
            f"Content-Range: {part.content_range(kind.size)}\r\n\r\n"
        )
        body += [head.encode("latin-1"), part]
    body.append(f"\r\n--{boundary}--\r\n".encode())
    length = sum(piece.length if isinstance(piece, Part) else len(piece) for piece in body)
    media = ("Content-Type", f"multipart/byteranges; boundary={boundary}")
    return Plan(206, (media, *_SAFE, *_known(kind)), length, tuple(body))
