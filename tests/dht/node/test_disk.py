"""Private files, whole files, and locks that die with their holder."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from dht.node.disk import FileLock, StateError, explained, private_directory, write_whole
from tests.dht.node.samples import mode, unprivileged_home

if TYPE_CHECKING:
    from pathlib import Path

HOLD = """
import fcntl, os, sys
descriptor = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(descriptor, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "quota"),
        (errno.EACCES, "permissions"),
        (errno.EPERM, "permissions"),
        (errno.EROFS, "read-only file system"),
        (errno.EIO, "check the path"),
    ],
)
def test_an_operating_system_error_becomes_advice(tmp_path: Path, code: int, advice: str) -> None:
    with pytest.raises(StateError, match=advice) as caught, explained(tmp_path / "thing"):
        raise OSError(code, os.strerror(code))
    assert "thing" in str(caught.value)
    assert os.strerror(code) in str(caught.value)


def test_other_errors_pass_through(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), explained(tmp_path):
        raise ZeroDivisionError


def test_a_directory_is_made_private(tmp_path: Path) -> None:
    home = tmp_path / "a" / "b"
    private_directory(home)
    assert mode(home) == 0o700


def test_a_directory_that_exists_keeps_its_permissions(tmp_path: Path) -> None:
    home = tmp_path / "shared"
    home.mkdir()
    home.chmod(0o750)
    private_directory(home)
    assert mode(home) == 0o750


def test_a_directory_under_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="Not a directory"):
        private_directory(tmp_path / "file" / "home")


def test_a_file_is_replaced_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write_whole(path, b"a long first content")
    write_whole(path, b"short")
    assert path.read_bytes() == b"short"
    assert mode(path) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["f"]


def test_a_rest_of_an_earlier_attempt_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / f"f.{os.getpid()}.new").write_bytes(b"left by a crash, and longer than the rest")
    write_whole(tmp_path / "f", b"x")
    assert (tmp_path / "f").read_bytes() == b"x"


def test_a_file_in_a_directory_of_others_is_refused() -> None:
    with unprivileged_home() as home, pytest.raises(StateError, match="may not write there"):
        write_whole(home / "f", b"x")


def test_a_lock_excludes_and_is_let_go_by_closing(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "l"), FileLock(tmp_path / "l")
    assert first.claim()
    assert second.taken()
    assert not second.claim()
    assert not second.acquire(patience=0.01)
    first.close()
    first.close()
    assert not second.taken()
    assert second.acquire(patience=0.01)
    second.close()
    assert mode(tmp_path / "l") == 0o600


def test_acquire_waits_for_its_turn(tmp_path: Path) -> None:
    with FileLock(tmp_path / "l") as first, FileLock(tmp_path / "l") as second:
        assert first.acquire(0)
        outcome: list[bool] = []
        waiter = threading.Thread(target=lambda: outcome.append(second.acquire(30)))
        waiter.start()
        first.close()
        waiter.join()
        assert outcome == [True]


def test_a_claim_is_not_disturbed_by_onlookers(tmp_path: Path) -> None:
    """Somebody who only looks whether the lock is taken holds it, shared, for an instant."""
    looked, stop = threading.Event(), threading.Event()

    def look() -> None:
        with FileLock(tmp_path / "l") as lock:
            while not stop.is_set():
                lock.taken()
                looked.set()

    onlooker = threading.Thread(target=look)
    onlooker.start()
    try:
        for _ in range(200):
            looked.clear()
            assert looked.wait(30)  # so that each claim has an onlooker about
            with FileLock(tmp_path / "l") as lock:
                assert lock.claim(patience=30)
    finally:
        stop.set()
        onlooker.join()


def test_a_claim_gives_up_on_an_onlooker_who_stays(tmp_path: Path) -> None:
    import fcntl

    with FileLock(tmp_path / "l") as lock, (tmp_path / "l").open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert not lock.taken()
        assert not lock.claim(patience=0.02)


def test_a_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "l"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder, FileLock(path) as lock:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert lock.taken()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert path.exists()
        assert lock.claim(patience=0)


def test_the_content_is_the_owners_and_read_by_all(tmp_path: Path) -> None:
    with FileLock(tmp_path / "l") as owner, FileLock(tmp_path / "l") as reader:
        assert owner.claim()
        assert reader.read() == b""
        owner.write(b"a longer message")
        owner.write(b"short")
        assert reader.read() == b"short"


def test_a_lock_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="No such file"):
        FileLock(tmp_path / "absent" / "l")
