"""What others do to our files is seen; what we do is not mistaken for it."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from torrent.io.files import open_below
from torrent.io.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torrent.io.files import OpenFile


@pytest.fixture
def file(tmp_path: Path) -> OpenFile:
    (tmp_path / "f").write_bytes(b"0123456789")
    os.utime(tmp_path / "f", ns=(0, 1_000))
    return open_below(tmp_path, ("f",), writable=True)


def overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"x")


def grow(path: Path) -> None:
    os.truncate(path, 20)


def touch(path: Path) -> None:
    path.touch()


def delete(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    path.with_name("other").write_bytes(b"0123456789")
    path.with_name("other").replace(path)


@pytest.mark.parametrize("change", [overwrite, grow, touch, delete, replace])
def test_every_change_is_seen_once(
    tmp_path: Path, file: OpenFile, change: Callable[[Path], None]
) -> None:
    watch = Watch()
    assert watch.look(0, file), "the first look learns"
    assert watch.look(0, file)
    change(tmp_path / "f")
    assert not watch.look(0, file)
    assert watch.changes == 1
    assert watch.take_suspects() == {0}
    assert watch.take_suspects() == set()
    if change not in (delete, replace):
        assert watch.look(0, file), "what it is now is known"


def test_another_file_of_the_same_name(tmp_path: Path, file: OpenFile) -> None:
    watch = Watch()
    watch.look(0, file)
    replace(tmp_path / "f")
    os.utime(tmp_path / "f", ns=(0, 1_000))
    assert not watch.look(0, open_below(tmp_path, ("f",)))


def test_one_that_was_deleted_is_learned_anew(tmp_path: Path, file: OpenFile) -> None:
    watch = Watch()
    watch.look(0, file)
    delete(tmp_path / "f")
    assert not watch.look(0, file)
    (tmp_path / "f").write_bytes(b"something else")
    assert watch.look(0, open_below(tmp_path, ("f",))), "there was nothing to compare it with"
    assert watch.changes == 1


def test_our_writes_are_not_seen_but_others_between_them_are(
    tmp_path: Path, file: OpenFile
) -> None:
    watch = Watch()
    for _ in range(3):
        with watch.writing(0, file):
            os.pwrite(file.fd, b"ours", 0)
        assert watch.look(0, file)
    assert watch.changes == 0
    overwrite(tmp_path / "f")
    os.utime(tmp_path / "f", ns=(0, 2_000))
    with watch.writing(0, file):
        os.pwrite(file.fd, b"ours", 0)
    assert watch.changes == 1


def test_while_we_write_nobody_judges(tmp_path: Path, file: OpenFile) -> None:
    watch = Watch()
    watch.look(0, file)
    with watch.writing(0, file):
        os.pwrite(file.fd, b"longer than before", 0)
        assert watch.look(0, file)
    assert watch.changes == 0


def test_files_are_apart(tmp_path: Path, file: OpenFile) -> None:
    (tmp_path / "g").write_bytes(b"other")
    other = open_below(tmp_path, ("g",))
    watch = Watch()
    watch.look(0, file)
    watch.look(1, other)
    overwrite(tmp_path / "g")
    os.utime(tmp_path / "g", ns=(0, 3_000))
    assert watch.look(0, file)
    assert not watch.look(1, other)
    assert watch.take_suspects() == {1}


def test_forgetting_doubts_what_is_under_way(file: OpenFile) -> None:
    watch = Watch()
    watch.look(0, file)
    before = watch.changes
    watch.forget()
    assert watch.changes != before
    assert watch.look(0, file)


def test_what_was_forgotten_is_suspected_of_nothing(tmp_path: Path, file: OpenFile) -> None:
    watch = Watch()
    watch.look(0, file)
    touch(tmp_path / "f")
    assert not watch.look(0, file)
    watch.forget()
    assert watch.take_suspects() == set()
    touch(tmp_path / "f")
    assert watch.look(0, file), "the first look learns"


def test_two_writers_take_turns(file: OpenFile) -> None:
    watch = Watch()
    inside: list[int] = []

    def write(number: int) -> None:
        for _ in range(200):
            with watch.writing(0, file):
                inside.append(number)
                assert len(inside) == 1
                os.pwrite(file.fd, b"x", number)
                inside.remove(number)
            watch.look(0, file)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert watch.changes == 0
