"""Ranges against the stupid answer: a set of positions."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.cdn.gateway.core.ranges import MAX_RANGES, Part, read_ranges


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        # RFC 9110, section 14.1.2, of 10,000 bytes.
        ("bytes=0-499", [Part(0, 500)]),
        ("bytes=500-999", [Part(500, 500)]),
        ("bytes=-500", [Part(9500, 500)]),
        ("bytes=9500-", [Part(9500, 500)]),
        ("bytes=0-0,-1", [Part(0, 1), Part(9999, 1)]),
        ("bytes= 0-999, 4500-5499, -1000", [Part(0, 1000), Part(4500, 1000), Part(9000, 1000)]),
        ("bytes=500-600,601-999", [Part(500, 500)]),
        ("bytes=500-700,601-999", [Part(500, 500)]),
        ("BYTES=0-1", [Part(0, 2)]),
        ("bytes=,0-1,,", [Part(0, 2)]),
        ("bytes=0-99999", [Part(0, 10_000)]),
        ("bytes=-99999", [Part(0, 10_000)]),
        ("bytes=10000-", []),
        ("bytes=-0", []),
        ("bytes=0-1,-0", [Part(0, 2)]),
        ("bytes=0-1,20000-", [Part(0, 2)]),
        ("bytes=20000-20001,30000-", []),
        ("bytes=00-01", [Part(0, 2)]),
        ("bytes=0-" + "9" * 5000, [Part(0, 10_000)]),
        ("bytes=-" + "9" * 5000, [Part(0, 10_000)]),
        ("bytes=" + "9" * 5000 + "-", []),
        ("bytes=" + "0" * 5000 + "-0", [Part(0, 1)]),
        ("bytes=", None),
        ("bytes= ", None),
        ("bytes=,", None),
        ("bytes", None),
        ("", None),
        ("0-1", None),
        ("bytes =0-1", None),
        ("bytes=0 -1", None),
        ("bytes=0-1,5-4", None),
        ("bytes=0-1;2-3", None),
        ("bytes=1", None),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=0-1-2", None),
        ("bytes=+1-2", None),
        ("bytes=٣-4", None),
        ("bytes 0-1", None),
        ("lines=0-1", None),
        ("bytes=" + ",".join(["0-0"] * (MAX_RANGES + 1)), None),
        ("bytes=" + ",".join(["0-0"] * MAX_RANGES), [Part(0, 1)]),
    ],
)
def test_published_and_other_cases(field: str, expected: list[Part] | None) -> None:
    assert read_ranges(field, 10_000) == expected
    assert read_ranges(field, 0) is None, "of nothing, any part is all of it"


SPECS = st.one_of(
    st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda t: (min(t), max(t))),
    st.integers(0, 60).map(lambda first: (first, None)),
    st.integers(0, 60).map(lambda last: (None, last)),
)


@given(st.integers(1, 50), st.lists(SPECS, min_size=1, max_size=8))
def test_the_parts_are_what_was_asked_for(
    size: int, specs: list[tuple[int | None, int | None]]
) -> None:
    wanted: set[int] = set()
    words = []
    for first, last in specs:
        words.append(f"{'' if first is None else first}-{'' if last is None else last}")
        if first is None:
            assert last is not None
            wanted |= set(range(size)[size - min(last, size) :])
        else:
            wanted |= set(range(size)[first : None if last is None else last + 1])
    parts = read_ranges("bytes=" + ",".join(words), size)
    assert parts is not None
    assert [at for part in parts for at in range(part.begin, part.end)] == sorted(wanted)
    assert all(a.end < b.begin for a, b in itertools.pairwise(parts))


def test_told() -> None:
    assert Part(5, 10).content_range(100) == "bytes 5-14/100"
