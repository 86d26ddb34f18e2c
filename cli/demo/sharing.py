"""A site and a repository without a server: published, mirrored, and the publisher killed.

Everybody is a process of its own, ``dhtctl`` and ``git`` as people run them, with a state directory
of its own; they share nothing but the network of the demonstration.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from cli.demo.stage import Done
from cli.demo.trials import WrongError, expect
from dht.node.config import format_address

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from cli.demo.stage import Stage
    from dht.testing import Testnet

PATIENCE: Final = 30.0
"""Seconds that a step may take; each starts some processes."""
_PAGE: Final = b"<h1>Nobody serves this alone</h1>\n"
_NOBODY: Final = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "demo"), ("EMAIL", "demo@example.org"))
}


class Sharing:
    """The act. Enter what :meth:`prepared` makes with ``async with``."""

    def __init__(self, net: Testnet, home: Path, nursery: trio.Nursery) -> None:
        self._home = home
        self._nursery = nursery
        self._path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        self._doors = ",".join(format_address(door) for door in net.bootstrap)
        self._publishers: list[trio.Process] = []
        self._name = self._url = ""

    @classmethod
    @asynccontextmanager
    async def prepared(cls, net: Testnet) -> AsyncIterator[Sharing]:
        """Have a directory to play in; at the end all processes go, and the directory."""
        with tempfile.TemporaryDirectory(prefix="dhtctl-demo-", ignore_cleanup_errors=True) as home:
            async with trio.open_nursery() as nursery:
                yield cls(net, Path(home), nursery)
                nursery.cancel_scope.cancel()

    async def play(self, stage: Stage) -> None:
        """All steps."""
        await stage.step("publish both", self._publish(), patience=PATIENCE)
        if self._url:
            await stage.step("mirror both", self._mirror(), patience=PATIENCE)
            await stage.step("fetch from mirrors", self._again(), patience=PATIENCE)

    @property
    def possible(self) -> bool:
        """Whether git is here, and finds its helper."""
        return all(shutil.which(each, path=self._path) for each in ("git", "git-remote-dht"))

    async def _publish(self) -> Done:
        site, repository = await self._made("anna", "site"), await self._made("anna", "tool")
        await trio.Path(site / "index.html").write_bytes(_PAGE)
        await trio.Path(repository / "README").write_bytes(b"A tool.\n")
        for line in ("init -q -b main", "add .", "commit -q -m one"):
            await self._run(repository, "git", *line.split())
        self._name, first = await self._stay("anna", "publish", "site")
        self._url, second = await self._stay("anna", "git", "publish", "tool")
        self._publishers = [first, second]
        return Done(
            f"anna publishes a site and a repository:\n{_DEEPER}{self._name}\n{_DEEPER}{self._url}",
            facts={"name": self._name, "url": self._url},
        )

    async def _mirror(self) -> Done:
        home = await self._made("ben")
        await self._stay("ben", "follow", self._name)
        await self._stay("ben", "git", "mirror", self._url)
        await self._compare(home)
        return Done("ben follows the site and mirrors the repository, without her key")

    async def _again(self) -> Done:
        for process in self._publishers:
            process.kill()
        home = await self._made("cleo")
        await self._run(home, *_US, "follow", self._name, "--once")
        await self._run(home, "git", "clone", "-q", self._url)
        await self._compare(home)
        found = await trio.Path(home / "tool" / "README").read_bytes()
        expect(found == b"A tool.\n", "the repository", found)
        return Done("anna is killed; cleo, who never met her, fetches the one and clones the other")

    async def _compare(self, home: Path) -> None:
        page = await trio.Path(home / "site" / "index.html").read_bytes()
        expect(page == _PAGE, "the page", page)

    async def _made(self, *parts: str) -> Path:
        path = self._home.joinpath(*parts)
        await trio.Path(path).mkdir(parents=True, exist_ok=True)
        return path

    def _environment(self, home: Path) -> Mapping[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "DHTCTL_"))}
        return {
            **kept,
            **_NOBODY,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "PATH": self._path,
            "DHTCTL_STATE": str(self._home / home.relative_to(self._home).parts[0] / "state"),
            "DHTCTL_BOOTSTRAP": self._doors,
        }

    async def _run(self, where: Path, *words: str) -> None:
        """Run a command to its end.

        Raises:
            WrongError: It failed.
        """
        done = await trio.run_process(
            words,
            cwd=where,
            env=self._environment(where),
            check=False,
            capture_stdout=True,
            capture_stderr=True,
        )
        if done.returncode:
            said = (done.stderr or b"").decode("utf-8", "replace").strip()
            raise WrongError(f"{words[0]} failed: {said}")

    async def _stay(self, who: str, *words: str) -> tuple[str, trio.Process]:
        """Run a ``dhtctl`` that stays; its first line, which says that it did what it was told.

        Raises:
            WrongError: It ended instead.
        """
        home = self._home / who
        start = partial(
            trio.run_process,
            [*_US, *words],
            cwd=home,
            env=self._environment(home),
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            deliver_cancel=_ended,
        )
        process: trio.Process = await self._nursery.start(start)
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        line = b""
        while not line.endswith(b"\n"):
            part = await process.stdout.receive_some()
            if not part:
                raise WrongError(f"dhtctl {words[0]} ended")
            line += part
        return line.decode().strip(), process


async def _ended(process: trio.Process) -> None:
    """There is nobody to say farewell to."""
    process.kill()
    await trio.lowlevel.checkpoint()


_US: Final = (sys.executable, "-m", "cli")
_DEEPER: Final = " " * 12
