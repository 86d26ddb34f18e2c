"""Generations as git bundles (gitformat-bundle(5)), and the list of them (git's bundle-uri).

A bundle is a pack with some lines before it: what it needs (``-<oid>``), what it brings
(``<oid> <ref>``). A bundle list is in the form of git's configuration; ``mode = all`` says that all
of them are needed, and creation tokens in which order. So ``git clone --bundle-uri=URL ORIGIN``,
with no plugin, takes nearly everything from whoever serves our generations, verifies it as it
verifies any bundle, and asks its origin for the rest only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from torrent.git.core.manifest import Generation, Manifest

LIST_TYPE: Final = "text/plain; charset=utf-8"
BUNDLE_TYPE: Final = "application/x-git-bundle"
_ROOM: Final = b"refs/heads/dht/"
"""Where the tips of a bundle are called something: git puts them below ``refs/bundles/``."""


def bundle_header(manifest: Manifest, generation: Generation) -> bytes:
    """The lines before the pack."""
    three = manifest.object_format != "sha1"
    lines = [b"# v3 git bundle" if three else b"# v2 git bundle"]
    if three:
        lines.append(b"@object-format=" + manifest.object_format.encode())
    lines += [b"-" + oid.hex().encode() for oid in generation.prerequisites]
    called = generation.root.hex()[:16].encode()
    lines += [
        oid.hex().encode() + b" " + _ROOM + called + b"/%d" % number
        for number, oid in enumerate(generation.tips)
    ]
    return b"\n".join(lines) + b"\n\n"


def bundle_list(manifest: Manifest, base: str = "") -> str:
    """The list; ``base`` comes before each bundle's name, and may be relative to the list."""
    lines = [
        "[bundle]",
        "\tversion = 1",
        "\tmode = all",
        "\theuristic = creationToken",
    ]
    for number, each in enumerate(manifest.generations, 1):
        lines += [
            f'[bundle "{each.root.hex()}"]',
            f"\turi = {base}{bundle_name(each)}",
            f"\tcreationToken = {number}",
        ]
    return "\n".join(lines) + "\n"


def bundle_name(generation: Generation) -> str:
    """What a bundle is called: never anything else, so that caches may keep it for ever."""
    return f"{generation.root.hex()}.bundle"
