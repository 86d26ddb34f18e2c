"""Mutated torrents and magnet links against their readers, from one seed.

``python -m tests.fuzz.metainfo --count 1000000 --seed 1`` throws that many at them, prints what
came of it and a digest that depends on nothing but the arguments, and fails at the first exception
that is not the declared one, path that is not safe, or torrent that took too long.

The corpus is every case of ``tests/bad_torrents.py`` and ``tests/good_torrents.py``. A mutant is
damaged one to four times, either as bytes or as a value: a field replaced by that of another
torrent or by something of another type, in the decoded dictionary, which is then encoded well.
Bytes alone would hardly get past the decoder.
"""

from __future__ import annotations

from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, Final

from dht.codec.bencode import decode, encode
from tests.bad_torrents import REJECTED
from tests.damage import MUTATIONS
from tests.fuzzing import Outcomes, main, named
from tests.good_torrents import ACCEPTED
from torrent.core.metainfo import Info, read_info, read_magnet, read_metainfo
from torrent.errors import MetainfoError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_MUTANT: Final = 20_000
CORPUS: Final = [
    data
    for data in [*ACCEPTED.values(), *(data for data, _ in REJECTED.values())]
    if 0 < len(data) <= MAX_MUTANT
]
VALUES: Final[list[Any]] = [0, -1, 1, 2, 16384, 2**62, b"", b".", b"..", b"/", b"x" * 20]
VALUES += [b"\xff" * 300, b"r" * 32, [], [b"a", b".."], [[]], {}, {b"": {}}, {b"a": {b"": {}}}]
LINKS: Final = [
    "magnet:?xt=urn:btih:" + "ab" * 20 + "&dn=x&so=0,2,4-6&x.pe=[::1]:80&tr=http%3A%2F%2Fa%2F",
    "magnet:?xt=urn:btmh:1220" + "cd" * 32 + "&ws=http://a/&x.pe=127.0.0.1:1&xl=5",
]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container with every key or index in it."""
    stack = [value]
    while stack:
        node = stack.pop()
        keys = list(node) if isinstance(node, dict) else range(len(node))
        for key in keys:
            yield node, key
            if isinstance(node[key], dict | list):
                stack.append(node[key])


def damaged_value(data: bytes, rng: Random, other: bytes) -> bytes:
    """Replace or remove a field, well encoded."""
    value, foreign = decode(data), decode(other)
    if not isinstance(value, dict | list) or not value:
        return data
    node, key = rng.choice(list(places(value)))
    kind = rng.randrange(4)
    if kind == 0:
        del node[key]
    elif kind == 1 and isinstance(foreign, dict | list) and foreign:
        there, name = rng.choice(list(places(foreign)))
        node[key] = there[name]
    elif isinstance(node, dict) and kind == 2:
        node[rng.choice([b"", b"..", b"length", b"attr", b"files", b"pieces root"])] = node[key]
    else:
        node[key] = rng.choice(VALUES)
    return encode(value)


def mutants(rng: Random) -> Iterator[bytes]:
    """Damaged torrents without end."""
    while True:
        data, other = rng.choice(CORPUS), rng.choice(CORPUS)
        as_values = rng.random() < 0.6
        for _ in range(rng.randint(1, 4)):
            mutate = damaged_value if as_values else rng.choice(MUTATIONS)
            data = mutate(data, rng, other)[:MAX_MUTANT] or b"d"
        yield data


def check(info: Info) -> None:
    """What holds of every torrent that is accepted."""
    assert 0 < info.piece_count <= 0x200000
    assert sum(file.length for file in info.files) <= info.length
    for file in info.files:
        for path in (file.path, file.symlink or file.path):
            for part in path.parts:
                assert part not in ("", ".", ".."), info.raw
                assert not set(part) & set("/\\\0"), info.raw
                assert len(part.encode()) <= 255, info.raw
    names = [str(file.path) for file in info.files if not file.pad]
    assert len(set(names)) == len(names), info.raw
    for piece in (0, info.piece_count - 1):
        size = info.piece_size(piece)
        assert sum(each for *_, each in info.spans(piece * info.piece_length, size)) == size
        assert 0 < info.payload_size(piece) <= size <= info.piece_length
        assert not info.is_v1 or len(info.piece_hash(piece)) == 20
        assert info.piece_root(piece) is None or info.is_v2


def receive(data: bytes) -> str:
    """Read one mutant in every way there is; name the outcome."""
    try:
        read_magnet(data.decode("latin-1"))
    except MetainfoError as error:
        assert error.field.startswith("magnet")  # noqa: PT017
    try:
        info = read_metainfo(data).info
    except MetainfoError as error:
        return error.field.partition("[")[0].partition(".")[0] or "nothing"
    check(info)
    assert read_info(info.raw).infohashes == info.infohashes
    return str(info.version)


def receive_link(rng: Random) -> str:
    """Read one damaged link."""
    data = rng.choice(LINKS).encode()
    for _ in range(rng.randint(1, 3)):
        data = rng.choice(MUTATIONS)(data, rng, LINKS[0].encode())[:MAX_MUTANT] or b"m"
    try:
        magnet = read_magnet(data.decode("latin-1"))
    except MetainfoError:
        return "no link"
    assert read_magnet(str(magnet)).infohashes == magnet.infohashes
    return "link"


def run(count: int, seed: int) -> Outcomes:
    """Throw ``count`` mutants; every tenth is a link."""
    rng, outcomes = Random(seed), Outcomes()
    stream = mutants(rng)
    for number in range(count):
        data = b"" if number % 10 == 9 else next(stream)
        with named(seed, partial("number {}, the torrent was {!r}".format, number, data)):
            outcomes.note(receive(data) if data else receive_link(rng))
    return outcomes


if __name__ == "__main__":
    raise SystemExit(main(__doc__, run))
