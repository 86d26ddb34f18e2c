"""Which torrents may be manifests: strangers made them."""

from __future__ import annotations

from typing import Any

import pytest

from dht.codec.bencode import encode
from torrent.core.metainfo import read_info
from torrent.git.core.manifest import MAX_SIZE
from torrent.git.fetching import manifest_file

PAD: dict[bytes, Any] = {b"attr": b"p", b"length": 16384, b"path": [b"pad"]}
FILE: dict[bytes, Any] = {b"length": 100, b"path": [b"manifest"]}
HUGE: dict[bytes, Any] = {b"length": MAX_SIZE + 1, b"path": [b"manifest"]}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([FILE], (0,)),
        ([FILE, PAD], (0,)),
        ([PAD], ()),
        ([PAD, FILE], ()),
        ([FILE, {**FILE, b"path": [b"another"]}], ()),
        ([HUGE], ()),
    ],
)
def test_one_file_that_is_no_padding(
    files: list[dict[bytes, Any]], expected: tuple[int, ...]
) -> None:
    size = sum(file[b"length"] for file in files)
    fields = {b"files": files, b"name": b"x", b"piece length": 16384}
    info = read_info(encode({**fields, b"pieces": bytes(20 * -(-size // 16384))}))
    assert manifest_file(info) == expected
