"""Repositories to test with, made by the real git, whose user is nobody of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.naming import NAME
from torrent.cdn.memory import Memory
from torrent.git.core.manifest import Generation, Manifest
from torrent.git.making import Maker, state_of
from torrent.git.program import Git
from torrent.git.quarantine import Arriving
from torrent.git.store import Store
from torrent.io.disk import Disk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git here")


def _speaks_http() -> bool:
    """Whether git has its helper for HTTP, which some are built without."""
    if shutil.which("git") is None:
        return False
    where = subprocess.run(["git", "--exec-path"], capture_output=True, check=True, text=True)
    return (Path(where.stdout.strip()) / "git-remote-http").exists()


needs_http = pytest.mark.skipif(not _speaks_http(), reason="this git speaks no HTTP")
NOBODY = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A U Thor",
    "GIT_AUTHOR_EMAIL": "author@example.org",
    "GIT_COMMITTER_NAME": "C O Mitter",
    "GIT_COMMITTER_EMAIL": "committer@example.org",
    "GIT_AUTHOR_DATE": "1700000000 +0000",
    "GIT_COMMITTER_DATE": "1700000000 +0000",
    "GIT_TERMINAL_PROMPT": "0",
}


def environment(extra: Mapping[str, str] = {}) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | NOBODY | extra


def run(where: Path, *words: str, stdin: bytes = b"", **extra: str) -> str:
    """Run git; what it wrote."""
    done = subprocess.run(
        ["git", *words],
        cwd=where,
        input=stdin,
        capture_output=True,
        check=False,
        env=environment(extra),
        timeout=60,
    )
    assert done.returncode == 0, f"git {' '.join(words)}: {done.stderr.decode()}"
    return done.stdout.decode(errors="surrogateescape").strip()


def repository(where: Path, *, commits: int = 3, object_format: str = "sha1") -> Path:
    """A working tree with a history."""
    where.mkdir(parents=True)
    run(where, "init", "-q", "-b", "main", f"--object-format={object_format}")
    for _ in range(commits):
        commit(where)
    return where


def commit(where: Path, name: str = "", text: str = "") -> str:
    """One more commit: a line more in one file, and a file more."""
    number = sum(1 for _ in where.iterdir())
    with (where / (name or "log")).open("a") as file:
        file.write(text or f"line {number}\n" * 20)
    (where / f"file{number}").write_text(f"{number}\n" * 50)
    run(where, "add", ".")
    run(where, "commit", "-q", "-m", f"commit {number}")
    return run(where, "rev-parse", "HEAD")


def refs(where: Path) -> dict[str, str]:
    lines = run(where, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    return dict(line.split() for line in lines)  # type: ignore[misc]


def objects(where: Path) -> set[str]:
    """All that refs lead to."""
    return {line.split()[0] for line in run(where, "rev-list", "--objects", "--all").splitlines()}


def whole(where: Path) -> bool:
    """Whether ``git fsck`` finds nothing wrong."""
    return "missing" not in run(where, "fsck", "--full", "--strict", "--connectivity-only")


def files(where: Path) -> dict[str, bytes]:
    """Every byte below a directory."""
    return {
        str(path.relative_to(where)): path.read_bytes()
        for path in sorted(where.rglob("*"))
        if path.is_file()
    }


class Publisher:
    """Makes one manifest after the other of a repository, without a network."""

    def __init__(self, source: Path, home: Path) -> None:
        self.source = source
        self.git = Git(Path(run(source, "rev-parse", "--absolute-git-dir")))
        self._memory = Memory.open(home)
        self.store = Store(home, NAME, self._memory)
        self.manifest = Manifest()

    async def publish(self) -> Manifest:
        async with Disk() as disk:
            state = await state_of(self.git)
            self.manifest = await Maker(disk, self.git, self.store).make(state, self.manifest)
        return self.manifest

    @asynccontextmanager
    async def packs(self, generations: Sequence[Generation]) -> AsyncIterator[list[Arriving]]:
        """As a fetcher would have them."""
        yield [Arriving.here(each, self.store.pack(each)) for each in generations]


def bare(where: Path, object_format: str = "sha1") -> Git:
    where.mkdir(parents=True)
    run(where, "init", "-q", "--bare", f"--object-format={object_format}")
    return Git(where)


def point(where: Path, manifest: Manifest) -> None:
    """Let refs lead where a manifest says, and nowhere else."""
    for name in refs(where).keys() - {name.decode() for name in manifest.refs}:
        run(where, "update-ref", "-d", name)
    for name, oid in manifest.refs.items():
        run(where, "update-ref", name.decode(), oid.hex())
