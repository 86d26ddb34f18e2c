"""Which bytes of which URL make up which pieces, beside a torrent laid out byte by byte."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.core.webseed import (
    PieceRun,
    Span,
    WebFile,
    WebLayout,
    false_answer,
    file_url,
    range_header,
    spans,
)

MANY = WebLayout(
    "name", 16, (WebFile(("a",), 20), WebFile(("b", "c d"), 0), WebFile(("e",), 30)), single=False
)
ONE = WebLayout("a name", 16, (WebFile((), 20),), single=True)

layouts = st.builds(
    WebLayout,
    st.just("n"),
    st.integers(1, 9),
    st.lists(st.builds(WebFile, st.just(("f",)), st.integers(0, 12)), min_size=1, max_size=6).map(
        tuple
    ),
    single=st.just(value=False),
)


@given(layouts, st.data())
def test_spans_are_the_bytes_of_the_pieces(layout: WebLayout, data: st.DataObject) -> None:
    bytes_of = [(i, at) for i, file in enumerate(layout.files) for at in range(file.length)]
    assert (layout.length, layout.pieces) == (
        len(bytes_of),
        -(-len(bytes_of) // layout.piece_length),
    )
    first = data.draw(st.integers(0, layout.pieces))
    run = PieceRun(first, data.draw(st.integers(1, 4)))
    got = [(s.index, at) for s in spans(layout, run) for at in range(s.begin, s.begin + s.length)]
    start = first * layout.piece_length
    assert got == bytes_of[start : start + run.count * layout.piece_length]
    assert all(span.length > 0 for span in spans(layout, run))


@pytest.mark.parametrize(
    ("base", "layout", "index", "url"),
    [
        # BEP 19: "If the URL ends in a slash, "/" the client must add the "name" from the torrent".
        ("http://h/dir/", ONE, 0, "http://h/dir/a%20name"),
        ("http://h/dir/file.iso", ONE, 0, "http://h/dir/file.iso"),
        ("http://h/dir/", MANY, 0, "http://h/dir/name/a"),
        ("http://h/dir", MANY, 1, "http://h/dir/name/b/c%20d"),
    ],
)
def test_urls_of_files(base: str, layout: WebLayout, index: int, url: str) -> None:
    assert file_url(base, layout, index) == url


@given(
    st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=8), min_size=1, max_size=4)
)
def test_no_name_escapes_its_folder(path: list[str]) -> None:
    layout = WebLayout("n", 1, (WebFile(tuple(path), 1),), single=False)
    if {".", ".."} & set(path):
        with pytest.raises(ValueError, match="a step"):
            file_url("http://h/d", layout, 0)
        return
    url = urlsplit(file_url("http://h/d", layout, 0))
    assert (url.query, url.fragment) == ("", "")
    assert [unquote(part) for part in url.path.split("/")] == ["", "d", "n", *path]


def test_an_empty_element_is_refused() -> None:
    with pytest.raises(ValueError, match="empty element"):
        file_url("http://h/", WebLayout("", 1, (WebFile((), 1),), single=True), 0)


def test_both_ends_of_a_range_belong_to_it() -> None:
    assert range_header(Span(0, 0, 1)) == "bytes=0-0"
    assert range_header(Span(0, 100, 50)) == "bytes=100-149"


SPAN = Span(0, 100, 50)


@pytest.mark.parametrize(
    ("status", "headers", "span", "why"),
    [
        (206, {"content-range": "bytes 100-149/1000"}, SPAN, None),
        (206, {"content-range": " bytes 100-149/* "}, SPAN, None),
        (206, {"content-range": "bytes 100-149/1000", "content-encoding": "identity"}, SPAN, None),
        (
            206,
            {"content-range": "bytes 100-149/1001"},
            SPAN,
            "its file has 1001 bytes and the torrent's 1000",
        ),
        (206, {"content-range": "bytes 100-150/1000"}, SPAN, "another range"),
        (206, {"content-range": "bytes 0-49/1000"}, SPAN, "another range"),
        (206, {"content-range": f"bytes 0-{'9' * 30}/1"}, SPAN, "does not say which"),
        (206, {"content-type": "multipart/byteranges"}, SPAN, "does not say which"),
        (
            206,
            {"content-range": "bytes 100-149/1000", "content-encoding": "gzip"},
            SPAN,
            "compressed",
        ),
        (200, {}, SPAN, "does not serve ranges"),
        (200, {}, Span(0, 0, 1000), None),
        (200, {"content-length": "1000"}, Span(0, 0, 1000), None),
        (200, {"content-length": "999"}, Span(0, 0, 1000), "has 999 bytes"),
        (200, {"content-length": "9" * 5000}, Span(0, 0, 1000), "has 9999999999999999999 bytes"),
        (200, {"content-length": "²"}, Span(0, 0, 1000), "has ² bytes"),
        (404, {}, SPAN, "status 404"),
    ],
)
def test_what_is_wrong_with_an_answer(
    status: int, headers: dict[str, str], span: Span, why: str | None
) -> None:
    reason = false_answer(status, headers, span, 1000)
    assert (reason is None) == (why is None)
    assert (why or "") in (reason or "")
