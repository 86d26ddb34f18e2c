"""Mutated manifests of repositories, and what git might say to its helper, from one seed.

``python -m tests.fuzz.manifest --count 1000000 --seed 1`` throws that many at the decoders of
:mod:`torrent.git.core`, prints what came of them and a digest that depends on nothing but the
arguments, and fails at the first exception that is not declared, outcome over its bounds, or
input that took too long.
"""

from __future__ import annotations

from typing import Final

from tests.fuzzing import Outcomes, Subject, main, throw_at
from tests.git_samples import EMPTY, LONG, SMALL
from torrent.git.core import refs
from torrent.git.core.bundles import bundle_header, bundle_list
from torrent.git.core.helper import Conversation, HelperError
from torrent.git.core.manifest import MAX_EDGES, MAX_GENERATIONS, decode
from torrent.git.core.needing import asked, first_needed
from torrent.git.core.packs import Joiner
from torrent.git.errors import ManifestError, PackError

MANIFESTS: Final = [each.encode() for each in (SMALL, LONG, EMPTY)]
TALKS: Final = [
    b"capabilities\noption progress true\nlist\nfetch 00ff refs/heads/a\n\n",
    b"list for-push\npush +a:refs/heads/a\npush :refs/heads/b\n\n\n",
]
PACKS: Final = [b"PACK\0\0\0\2\0\0\0\1" + b"x" * 9 + b"y" * 20]


def manifest(data: bytes) -> str:
    """What a name leads to."""
    try:
        found = decode(data)
    except ManifestError as error:
        assert error.fault.isprintable()  # noqa: PT017 - it is returned, too
        return "ManifestError"
    assert len(found.generations) <= MAX_GENERATIONS
    assert not any(map(refs.fault, found.refs))
    assert decode(found.encode()) == found
    assert sum(len(each.tips) for each in found.generations) <= MAX_EDGES
    assert 0 <= first_needed(found, asked(found)) <= len(found.generations)
    for each in found.generations:
        assert bundle_header(found, each).endswith(b"\n\n")
        assert each.info.size == each.length
    assert bundle_list(found).isascii()
    return "Manifest"


def talk(data: bytes) -> str:
    """Lines from git."""
    conversation, heard = Conversation(), "nothing"
    for line in data.split(b"\n"):
        try:
            heard = type(conversation.receive(line)).__name__
        except HelperError:
            return "HelperError"
    return heard


def pack(data: bytes) -> str:
    """A generation that was promised to be another."""
    joiner = Joiner("sha1", [(len(PACKS[0]), 1)])
    out = joiner.header()
    joiner.begin()
    try:
        out += joiner.feed(data[:20]) + joiner.feed(data[20:])
        out += joiner.end()
    except PackError:
        return "PackError"
    assert len(out) == len(PACKS[0])
    return "pack"


SUBJECTS: Final[list[Subject]] = [
    (manifest, MANIFESTS),
    (talk, TALKS),
    (pack, PACKS),
]


def run(count: int, seed: int) -> Outcomes:
    """Throw ``count`` mutants at the decoders."""
    return throw_at(SUBJECTS, count, seed)


if __name__ == "__main__":
    raise SystemExit(main(__doc__, run))
