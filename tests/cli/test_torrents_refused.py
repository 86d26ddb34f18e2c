"""What somebody cannot have meant is refused in words about what was typed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.dhtctl import Dhtctl


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("create", ""), 2, "an empty name"),
        (("info", ""), 2, "an empty name"),
        (("create", "nowhere"), 1, "there is no file or directory nowhere"),
        (("create", "nothing"), 1, "there is nothing in it"),
        (("create", "hollow"), 1, "there is nothing in it"),
        (("create", "magnet:?xt=urn:btih:00"), 2, "magnet link is no file"),
        (("verify", "pipe.torrent"), 1, "no file that can be read to its end"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    inside: Dhtctl, words: tuple[str, ...], code: int, said: str, tmp_path: Path
) -> None:
    (tmp_path / "nothing").touch()
    (tmp_path / "hollow").mkdir()
    os.mkfifo(tmp_path / "pipe.torrent")
    done = inside(*words)
    assert done.code == code
    assert said in done.err
