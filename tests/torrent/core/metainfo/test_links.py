from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.core.metainfo import links
from torrent.core.metainfo.links import resolved
from torrent.core.metainfo.paths import MAX_DEPTH, SafePath
from torrent.errors import MetainfoError

if TYPE_CHECKING:
    from pathlib import Path


def made(tree: dict[str, str | None]) -> dict[str, str | None]:
    """Resolve a tree given as paths and link targets, both from the torrent's root."""
    paths = [SafePath.of(["t", *path.split("/")]) for path in tree]
    targets = [
        None if target is None else SafePath.of(["t", *target.split("/")])
        for target in tree.values()
    ]
    found = resolved(paths, targets)
    return {
        path: None if target is None else str(target).removeprefix("t/")
        for path, target in zip(tree, found, strict=True)
    }


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"a": None, "l": "a"}, "a"),
        ({"d/a": None, "l": "d"}, "d"),
        ({"d/e/a": None, "l": "d"}, "d"),
        ({"d/e/a": None, "l": "d/e/a"}, "d/e/a"),
        # Relative to the link, as older torrents have it.
        ({"d/a": None, "d/l": "a"}, "d/a"),
        ({"d/e/a": None, "d/l": "e"}, "d/e"),
        # From the root counts first.
        ({"a": None, "d/a": None, "d/l": "a"}, "a"),
        # By way of other links.
        ({"v/A/h": None, "v/C": "v/A", "l": "v/C/h"}, "v/C/h"),
        ({"v/A/h": None, "v/C": "A", "l": "v/C/h"}, "v/C/h"),
        ({"v/h": None, "x": "y", "y": "v", "l": "x/h"}, "x/h"),
        ({"v/h": None, "x": "y/w", "y": "z", "z/w/h": None, "l": "x/h"}, "x/h"),
        # Links that lead nowhere point at themselves.
        ({"a": None, "l": "b"}, "l"),
        ({"a": None, "l": "a/b"}, "l"),
        ({"a": None, "l": "l/a"}, "l"),
        ({"a": None, "x": "y/q", "y": "x/q", "l": "x/z"}, "l"),
        ({"v/h": None, "x": "v", "l": "x/g"}, "l"),
    ],
)
def test_the_last_link_leads(tree: dict[str, str | None], expected: str) -> None:
    *_, last = made(tree).values()
    assert last == expected


def test_without_links_there_is_nothing_to_do() -> None:
    assert resolved([SafePath.of(["a"])], [None]) == [None]


def test_a_torrent_that_is_nothing_but_a_link() -> None:
    alone = SafePath.of(["a"])
    assert resolved([alone], [SafePath.of(["b"])]) == [alone]


def test_a_link_deep_down_is_not_looked_for_deeper() -> None:
    deep = SafePath.of(["t"] + ["d"] * (MAX_DEPTH - 1))
    target = SafePath.of(["t"] + ["e"] * 5)
    assert resolved([deep], [target]) == [deep]


def test_no_more_links_than_a_kernel_follows() -> None:
    def chain(length: int) -> dict[str, str | None]:
        tree: dict[str, str | None] = {f"x{n}": f"x{n + 1}/s" for n in range(length)}
        return tree | {f"x{length}" + "/s" * length + "/h": None, "l": "x0/h"}

    assert made(chain(40))["l"] == "x0/h"
    assert made(chain(41))["l"] == "l"


def test_knots_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "_MAX_STEPS", 20)
    tree: dict[str, str | None] = {"d/d/d/d/h": None}
    tree |= {f"l{n}": "d/d/d/d/x" for n in range(4)}
    assert made(tree)["l0"] == "l0"
    with pytest.raises(MetainfoError, match="entangled"):
        made(tree | {f"m{n}": "d/d/d/d/x" for n in range(4)})


names = st.sampled_from("abc")
somewhere = st.lists(names, min_size=1, max_size=3).map("/".join)


@given(st.dictionaries(somewhere, st.none() | somewhere, max_size=6))
def test_links_on_disk_stay_inside(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, str | None]
) -> None:
    """The oracle is the kernel: what we accept by way of other links, it opens, inside."""
    above = {path.rpartition("/")[0] for path in tree}
    ancestors = {"/".join(p.split("/")[: n + 1]) for p in above for n in range(p.count("/") + 1)}
    if ancestors & set(tree):
        return  # a file in the way of a directory: renamed before it comes to this
    root = tmp_path_factory.mktemp("links")
    found = made(tree)
    for path, target in found.items():
        create(root, path, target)
    for path, target in found.items():
        if target not in (None, path) and (root / path).exists():
            assert (root / path).resolve().is_relative_to(root.resolve())
        if target == path or target is None:
            continue
        # It leads to something, or to a link that leads nowhere itself.
        assert os.path.lexists(root / target) or leads_to_dead_link(root, target)


def create(root: Path, path: str, target: str | None) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    if target is None:
        (root / path).touch()
    elif target != path:
        (root / path).symlink_to(root / target)
    else:
        (root / path).symlink_to(root / ".dead")


def leads_to_dead_link(root: Path, target: str) -> bool:
    """Whether the way to ``target`` passes links in a circle, or one that leads nowhere."""
    parts = target.split("/")
    return any(
        (root / "/".join(parts[:n])).is_symlink() and not (root / "/".join(parts[:n])).exists()
        for n in range(1, len(parts) + 1)
    )
