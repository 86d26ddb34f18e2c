"""What the gateway tells: listings, its page, its counts."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin

from hypothesis import given
from hypothesis import strategies as st

from torrent.cdn.gateway.core import listing, page
from torrent.cdn.gateway.core.asked import Asked
from torrent.cdn.gateway.core.counting import BUCKETS, Counts, State, Tally
from torrent.cdn.gateway.core.page import Row
from torrent.cdn.gateway.core.tree import Entry

STATE = State(peer=1 << 20, origin=5, cache=100, limit=10_000, torrents=2, peers=3, visitors=4)
NAMES = st.text(
    st.characters(exclude_characters="/\\", exclude_categories=("Cc", "Cs")), min_size=1
)


class Links(HTMLParser):
    """Where links lead, the text, and whether there is anything that was not meant."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.links: list[str] = []
        self.words: list[str] = []
        self.tags: set[str] = set()
        self.feed(data.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@given(st.lists(NAMES.filter(lambda name: name not in (".", "..")), max_size=5, unique=True))
def test_names_in_listings_lead_where_they_should(names: list[str]) -> None:
    entries = [Entry(name, None if n % 2 else n) for n, name in enumerate(names)]
    found = Links(listing.as_html("t", entries, above=True))
    assert found.links[0] == "../"
    targets = [urljoin("http://h/btih/x/d/", link) for link in found.links[1:]]
    expected = [f"http://h/btih/x/d/{name}{'/' * (n % 2)}" for n, name in enumerate(names)]
    assert [unquote(target) for target in targets] == expected
    assert found.tags <= {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "h1",
        "table",
        "tr",
        "td",
        "a",
    }
    told = json.loads(listing.as_json("t", entries))
    assert [entry["name"] for entry in told["entries"]] == names


def test_listings() -> None:
    shown = listing.as_html("<t>", [Entry("d", None), Entry("f", 2048)], above=False)
    assert b"<h1>&lt;t&gt;</h1>" in shown
    assert b"2.0 KiB" in shown
    assert b"../" not in shown
    assert json.loads(listing.as_json("t", [Entry("d", None), Entry("f", 5)])) == {
        "path": "t",
        "entries": [
            {"name": "d", "type": "directory"},
            {"name": "f", "type": "file", "size_bytes": 5},
        ],
    }


def test_sizes() -> None:
    shown = [listing.shown_size(size) for size in (0, 1023, 1024, 1.5 * 2**30, 2**60)]
    assert shown == ["0 B", "1023 B", "1.0 KiB", "1.5 GiB", "1048576.0 TiB"]


def test_the_page() -> None:
    rows = [
        Row(
            "blog</a><script>",
            "/btpk/k/",
            "k51/blog",
            3,
            "ab",
            "seeding",
            10,
            5,
            1,
            1,
            2.0,
            3.0,
            pinned=True,
            own="http://x.localhost/",
        ),
        Row("t", "/btih/ab/", infohash="cd"),
    ]
    data = page.as_html(rows, Tally(hits=3, misses=1), STATE)
    found = Links(data)
    assert b"blog&lt;/a&gt;&lt;script&gt;" in data
    assert found.links == ["/btpk/k/", "http://x.localhost/", "/btih/ab/", "/metrics"]
    assert data.count(b"<script") == 1
    for word in (b"version 3", b"pinned", b"75 % of 4 reads", b"1.0 MiB", b"1 peers, 1 with"):
        assert word in data
    told = json.loads(page.as_json(rows, Tally(), STATE))
    assert told["type"] == "gateway"
    assert told["served"][0]["seq"] == 3
    empty = page.as_html([], Tally(), STATE)
    assert b"Nothing yet" in empty
    assert b"no reads" in empty


def test_the_policy_names_the_script() -> None:
    import base64
    import hashlib

    data = page.as_html([], Tally(), STATE)
    script = data.partition(b"<script type=module>")[2].partition(b"</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script).digest()).decode()
    assert f"'sha256-{digest}'" in page.POLICY


def test_metrics() -> None:
    counts = Counts()
    for status, first in ((200, 0.0004), (200, 0.02), (404, 60.0)):
        counts.told(Asked("GET", "/", {}), status, 100, first)
    text = counts.exposition(Tally(1, 2, 3, 4), STATE)
    samples = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    prefix = "dhtctl_gateway_"
    expected = {
        'requests_total{status="200"}': "2",
        'requests_total{status="404"}': "1",
        "sent_bytes_total": "300",
        'bytes_total{source="peer"}': str(1 << 20),
        'bytes_total{source="origin"}': "5",
        'bytes_total{source="cache"}': "3",
        'reads_total{result="hit"}': "1",
        'reads_total{result="miss"}': "2",
        'first_byte_seconds_bucket{le="0.0005"}': "1",
        'first_byte_seconds_bucket{le="0.025"}': "2",
        'first_byte_seconds_bucket{le="10"}': "2",
        'first_byte_seconds_bucket{le="+Inf"}': "3",
        "first_byte_seconds_count": "3",
        "first_byte_seconds_sum": "60.0204",
        "cache_bytes": "100",
        "cache_limit_bytes": "10000",
        "torrents": "2",
        "peers": "3",
        "connections": "4",
    }
    assert {name: samples[prefix + name] for name in expected} == expected
    assert list(BUCKETS) == sorted(BUCKETS)
    # Every family has its help and its type, once, before its samples.
    heads = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(set(heads)) == len(heads) == text.count("# HELP")
