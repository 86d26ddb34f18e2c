"""Nothing leads outside, and nobody's descriptor is closed under him."""

from __future__ import annotations

import errno
import os
import resource
import stat
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from torrent.io.files import FileCache, OpenFile, open_below, parent, status

if TYPE_CHECKING:
    from collections.abc import Iterator


def refusal(root: Path, *parts: str, writable: bool = False, create: bool = False) -> str:
    """The system's word for why a file cannot be opened."""
    try:
        open_below(root, parts, writable=writable, create=create)
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "opened"


def test_a_file_is_made_with_its_directories(tmp_path: Path) -> None:
    root = tmp_path / "not" / "yet"
    file = open_below(root, ("a", "b", "c"), writable=True, create=True)
    os.write(file.fd, b"x")
    assert (root / "a/b/c").read_bytes() == b"x"
    assert file.writable


@pytest.mark.parametrize(
    ("link", "parts", "expected"),
    [
        ("inside", ("inside", "secret"), "ENOTDIR"),
        ("secret", ("secret",), "ELOOP"),
        ("a/b", ("a", "b", "secret"), "ENOTDIR"),
    ],
)
@pytest.mark.parametrize("create", [False, True])
def test_links_are_not_followed(
    tmp_path: Path, link: str, parts: tuple[str, ...], expected: str, *, create: bool
) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    (outside / "secret").write_bytes(b"mine")
    place = root / link
    place.parent.mkdir(parents=True)
    place.symlink_to(outside / "secret" if expected == "ELOOP" else outside)
    assert refusal(root, *parts, writable=True, create=create) == expected
    assert (outside / "secret").read_bytes() == b"mine"


def test_the_download_directory_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    open_below(tmp_path / "link", ("a",), writable=True, create=True)
    assert (tmp_path / "real/a").exists()


def test_what_is_no_ordinary_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dir").mkdir()
    for name, writable, expected in [
        ("pipe", False, "ENXIO"),
        ("pipe", True, "ENXIO"),
        ("dir", False, "EISDIR"),
        ("dir", True, "EISDIR"),
    ]:
        assert refusal(tmp_path, name, writable=writable) == expected


def test_parent_makes_no_more_than_directories(tmp_path: Path) -> None:
    with parent(tmp_path, ("a", "b", "c"), make=True):
        assert not (tmp_path / "a/b/c").exists()
    assert (tmp_path / "a/b").is_dir()
    with pytest.raises(FileNotFoundError), parent(tmp_path, ("x", "y")):
        pass


def test_status_sees_links_and_absence(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    found = status(tmp_path, ("link",))
    assert found is not None
    assert stat.S_ISLNK(found.st_mode)
    assert status(tmp_path, ("none",)) is None
    assert status(tmp_path, ("no", "where")) is None
    assert status(tmp_path / "no", ("where",)) is None


def opener(path: Path, *, writable: bool = False) -> OpenFile:
    return open_below(path.parent, (path.name,), writable=writable, create=True)


def test_the_cache_keeps_those_used_last(tmp_path: Path) -> None:
    cache = FileCache(2)
    for name in "abac":
        cache.get(name, lambda name=name: opener(tmp_path / name))
    assert len(cache) == 2
    assert cache.peek("a")
    assert cache.peek("b") is None
    assert cache.peek("c")


def test_a_file_in_use_outlives_the_cache(tmp_path: Path) -> None:
    cache = FileCache(1)
    (tmp_path / "a").write_bytes(b"the right file")
    held = cache.get("a", lambda: opener(tmp_path / "a"))
    number = held.fd
    cache.get("b", lambda: opener(tmp_path / "b"))
    cache.clear()
    assert os.pread(number, 20, 0) == b"the right file"
    del held
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


def test_a_reader_is_replaced_when_somebody_writes(tmp_path: Path) -> None:
    cache = FileCache(4)
    (tmp_path / "a").touch()
    reading = cache.get("a", lambda: opener(tmp_path / "a"))
    writing = cache.get("a", lambda: opener(tmp_path / "a", writable=True), writable=True)
    assert writing is not reading
    assert cache.get("a", lambda: opener(tmp_path / "a")) is writing


def test_two_that_open_one_file_at_once_share_it(tmp_path: Path) -> None:
    cache = FileCache(4)
    both = threading.Barrier(2)
    found = []

    def opened() -> OpenFile:
        both.wait()
        return opener(tmp_path / "a")

    threads = [
        threading.Thread(target=lambda: found.append(cache.get("a", opened))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] is found[1]


@contextmanager
def few_descriptors(count: int) -> Iterator[None]:
    """This process may open so many more files, and no others."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 1, limits[1]))
    filling = []
    try:
        with suppress(OSError):
            while True:
                filling.append(os.dup(0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + 1 + count, limits[1]))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for descriptor in filling:
            os.close(descriptor)


def test_with_too_many_files_open_ours_are_closed_first(tmp_path: Path) -> None:
    cache = FileCache(1000)
    with few_descriptors(10):
        for number in range(30):
            cache.get(number, lambda number=number: opener(tmp_path / str(number)))
        assert 0 < len(cache) <= 10


def test_if_they_are_not_ours_it_is_said(tmp_path: Path) -> None:
    cache = FileCache(1000)
    with few_descriptors(0), pytest.raises(OSError, match="Too many open files"):
        cache.get("a", lambda: opener(tmp_path / "a"))
