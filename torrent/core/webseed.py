"""Web seeds (BEP 19): which bytes of which URL make up which pieces. The part without a network.

A web server knows files, a torrent knows pieces. A *run* of contiguous pieces is asked for at
once, because a request costs a round trip: it is cut into *spans*, one for each file it touches,
and each span becomes one GET with a ``Range``. Pad files (BEP 47) exist on no server; their spans
are zeros that we make up ourselves.

BEP 19 on URLs: for a torrent of one file, the URL is the file's, unless it ends in a slash, when
the name is appended. For one of many files it is a folder's, and the torrent's name and the
file's path follow. Path elements are escaped one by one, so nothing in a name can become a slash,
a query or a step upwards.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_CONTENT_RANGE: Final = re.compile(r"bytes +(\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class WebFile:
    """A file as a web seed serves it.

    Attributes:
        path: Its elements below the torrent's name, as the torrent spells them (not as they are
            on our disk); empty for a torrent of one file.
        length: Bytes.
        pad: A pad file: on no server, all zeros.
    """

    path: tuple[str, ...]
    length: int
    pad: bool = False


@dataclass(frozen=True, slots=True)
class WebLayout:
    """What a web seed has to know of a torrent.

    Attributes:
        name: The torrent's.
        piece_length: Bytes.
        files: All, in order.
        single: It has one file and no folder.
    """

    name: str
    piece_length: int
    files: tuple[WebFile, ...]
    single: bool

    @property
    def length(self) -> int:
        """Bytes in all, padding included."""
        return sum(file.length for file in self.files)

    @property
    def pieces(self) -> int:
        """How many there are."""
        return -(-self.length // self.piece_length)


@dataclass(frozen=True, slots=True)
class PieceRun:
    """Contiguous whole pieces.

    Attributes:
        first: Index of the first.
        count: How many; at least one.
    """

    first: int
    count: int = 1


class Work(Protocol):
    """What gives a web seed something to do: the swarm, through the session.

    For a torrent of one piece length the swarm should hand out runs of some megabytes: long
    enough that the round trip does not count, short enough that a slow server does not hold
    pieces that others could have brought.
    """

    async def next_run(self) -> PieceRun | None:
        """Wait until there is a run to fetch; ``None`` when there will be none any more."""
        ...

    async def deliver(self, piece: int, begin: int, data: memoryview) -> None:
        """Take bytes of ``piece`` from ``begin`` on.

        Within a run bytes come in order and without gaps, in portions of any size that never
        cross a piece's end. ``data`` is only valid during the call. Nothing is verified yet:
        that is for whoever is delivered to, as with any peer. Waiting here slows the server down.
        """
        ...

    def abandoned(self, run: PieceRun) -> None:
        """These pieces of the last run will not come: somebody else may have them."""
        ...


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of one file.

    Attributes:
        index: Which file.
        begin: Its first byte, within the file.
        length: Bytes; at least one.
    """

    index: int
    begin: int
    length: int


def spans(layout: WebLayout, run: PieceRun) -> Iterator[Span]:
    """The stretches of files that make up ``run``, in order, empty files left out."""
    start = run.first * layout.piece_length
    end = min(start + run.count * layout.piece_length, layout.length)
    offset = 0
    for index, file in enumerate(layout.files):
        begin, stop = max(start - offset, 0), min(end - offset, file.length)
        if begin < stop:
            yield Span(index, begin, stop - begin)
        offset += file.length


def file_url(base: str, layout: WebLayout, index: int) -> str:
    """The URL of a file below the web seed's URL ``base``."""
    if layout.single:
        return base + _escaped([layout.name]) if base.endswith("/") else base
    folder = base if base.endswith("/") else base + "/"
    return folder + _escaped([layout.name, *layout.files[index].path])


def _escaped(path: Sequence[str]) -> str:
    """Join path elements. A lone ``.`` or ``..`` means a step in URLs even when it is escaped."""
    if not all(path) or {".", ".."} & set(path):
        raise ValueError("a torrent's path has an empty element or a step in it")
    return "/".join(quote(element, safe="") for element in path)


def range_header(span: Span) -> str:
    """The ``Range`` that asks for ``span`` (RFC 9110, section 14.2: both ends inclusive)."""
    return f"bytes={span.begin}-{span.begin + span.length - 1}"


def false_answer(
    status: int, headers: Mapping[str, str], span: Span, file_length: int
) -> str | None:
    """What is wrong with an answer to ``span``; ``None`` if its body is the bytes asked for.

    206 must say that it is exactly this range of a file of this length. 200 is the whole file,
    which will do if the whole file was wanted; the length is checked where it is told.
    """
    if headers.get("content-encoding", "identity").strip().lower() not in {"identity", ""}:
        return "it sends compressed what was asked for plain"
    if status == 200:  # noqa: PLR2004
        return _false_whole(headers, span, file_length)
    if status != 206:  # noqa: PLR2004
        return f"it answers with status {status}"
    match = _CONTENT_RANGE.fullmatch(headers.get("content-range", "").strip())
    if match is None:
        return "it answers with a range, and does not say which"
    first, last, total = match.groups()
    if (int(first), int(last)) != (span.begin, span.begin + span.length - 1):
        return "it sends another range than was asked for"
    return _false_length(total, file_length)


def _false_whole(headers: Mapping[str, str], span: Span, file_length: int) -> str | None:
    """Whether a whole file is what was asked for."""
    if span.length != file_length:
        return "it does not serve ranges, only whole files"
    return _false_length(headers.get("content-length", "*"), file_length)


def _false_length(told: str, file_length: int) -> str | None:
    if told == "*" or (told.isascii() and told.isdigit() and int(told[:19]) == file_length):
        return None
    return f"its file has {told[:19]} bytes and the torrent's {file_length}"
