from __future__ import annotations

from tests.git_samples import LONG, SMALL, oid
from torrent.git.core.bundles import bundle_header, bundle_list, bundle_name


def test_a_header_says_what_is_needed_and_brought() -> None:
    first, second = SMALL.generations
    assert bundle_header(SMALL, first) == (
        f"# v2 git bundle\n{oid(1).hex()} refs/heads/dht/{'01' * 8}/0\n\n".encode()
    )
    assert bundle_header(SMALL, second) == (
        f"# v2 git bundle\n-{oid(1).hex()}\n{oid(2).hex()} refs/heads/dht/{'02' * 8}/0\n\n".encode()
    )
    assert bundle_header(LONG, LONG.generations[0]) == (
        b"# v3 git bundle\n@object-format=sha256\n\n"
    )


def test_the_list_names_all_in_order() -> None:
    text = bundle_list(SMALL, "bundles/")
    assert text.startswith("[bundle]\n\tversion = 1\n\tmode = all\n\theuristic = creationToken\n")
    places = [text.index(f"\turi = bundles/{bundle_name(each)}\n") for each in SMALL.generations]
    assert places == sorted(places)
    assert text.endswith("\tcreationToken = 2\n")
