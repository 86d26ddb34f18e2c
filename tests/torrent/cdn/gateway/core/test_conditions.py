"""Conditional requests, against the table of RFC 9110."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.cdn.gateway.core.asked import Asked
from torrent.cdn.gateway.core.conditions import Verdict, judge, ranges_apply

OURS = '"xyzzy"'
SEND, UNCHANGED, FAILED = Verdict.SEND, Verdict.UNCHANGED, Verdict.FAILED


def asked(**fields: str) -> Asked:
    return Asked("GET", "/", {name.replace("_", "-"): value for name, value in fields.items()})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, SEND),
        ({"if_none_match": OURS}, UNCHANGED),
        ({"if_none_match": f"W/{OURS}"}, UNCHANGED),
        ({"if_none_match": f'"r2d2", {OURS}, "c3po"'}, UNCHANGED),
        ({"if_none_match": f' , "r2d2",,{OURS}'}, UNCHANGED),
        ({"if_none_match": "*"}, UNCHANGED),
        ({"if_none_match": '"other"'}, SEND),
        ({"if_none_match": "xyzzy"}, SEND),
        ({"if_none_match": f"nonsense, {OURS}"}, SEND),
        ({"if_none_match": f'"a"{OURS}'}, SEND),
        ({"if_none_match": '"with space", "xyzzy"'}, SEND),
        ({"if_none_match": ""}, SEND),
        ({"if_match": OURS}, SEND),
        ({"if_match": "*"}, SEND),
        ({"if_match": f"W/{OURS}"}, FAILED),
        ({"if_match": '"other"'}, FAILED),
        ({"if_match": ""}, FAILED),
        ({"if_match": '"other"', "if_none_match": OURS}, FAILED),
        ({"if_match": OURS, "if_none_match": OURS}, UNCHANGED),
        # Dates are never compared: there are none.
        ({"if_modified_since": "Sat, 29 Oct 2044 19:43:31 GMT"}, SEND),
    ],
)
def test_the_table(fields: dict[str, str], expected: Verdict) -> None:
    assert judge(asked(**fields), OURS) is expected


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (OURS, True),
        (f" {OURS} ", True),
        (f"W/{OURS}", False),
        ('"other"', False),
        ("Sat, 29 Oct 1994 19:43:31 GMT", False),
        ("", False),
    ],
)
def test_if_range(field: str, *, expected: bool) -> None:
    assert ranges_apply(asked(if_range=field), OURS) is expected
    assert ranges_apply(asked(), OURS)


TAGS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"'))


@given(st.lists(st.tuples(st.booleans(), TAGS), max_size=6), TAGS)
def test_a_list_has_a_tag_or_not(listed: list[tuple[bool, str]], tag: str) -> None:
    field = ", ".join(f'{"W/" * weak}"{text}"' for weak, text in listed)
    etag = f'"{tag}"'
    known = any(text == tag for _, text in listed)
    strongly = any(text == tag and not weak for weak, text in listed)
    assert judge(asked(if_none_match=field), etag) is (UNCHANGED if known else SEND)
    assert judge(asked(if_match=field), etag) is (SEND if strongly else FAILED)
