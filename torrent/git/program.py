"""Git, run as a program: never through a shell, in an environment that is ours, always cancellable.

Of the environment that we were started in, nothing that begins with ``GIT_`` reaches the program:
a hook, or git itself when it calls its remote helper, sets variables for the repository *it* works
on. Replacements (git-replace(1)) are off, so that what is packed is what the ids stand for. Git may
not ask anybody anything, and not fetch what a partial clone lacks behind our back.
"""

from __future__ import annotations

import os
import resource
import subprocess
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import trio

from torrent.errors import TorrentError
from torrent.git.errors import RepositoryError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    Write = Callable[[bytes], None]
    Pour = Callable[[Write], Awaitable[None]]

_OURS: Final = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",
}
_SHOWN: Final = 500
"""Characters of what git complained of that are passed on."""


class Outcome(NamedTuple):
    """How git ended.

    Attributes:
        code: Its exit code; negative if a signal killed it.
        out: What it wrote.
        said: What it complained of, one line.
    """

    code: int
    out: bytes
    said: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What git may take of the machine; the kernel and git itself see to it.

    Attributes:
        allocation: Bytes of memory in one piece: so, of one object.
        data: Bytes of memory in all.
        seconds: Of the processor.
    """

    allocation: int
    data: int
    seconds: int

    def impose(self, pid: int) -> None:
        """Bind a process that has not begun yet; where the system cannot, git alone is bound."""
        if not hasattr(resource, "prlimit"):
            return
        for which, most in (
            (resource.RLIMIT_DATA, self.data),
            (resource.RLIMIT_CPU, self.seconds),
        ):
            resource.prlimit(pid, which, (most, most))


@dataclass(frozen=True, slots=True)
class Git:
    """Git at work on one repository.

    Attributes:
        directory: The repository itself: what ``GIT_DIR`` names.
        extra: More variables of its environment.
    """

    directory: Path
    extra: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    async def find(cls, path: Path) -> Git:
        """The repository at ``path``: a working tree's, or a bare one.

        Raises:
            RepositoryError: There is none.
        """
        here = cls(path)
        outcome = await here._run(("rev-parse", "--absolute-git-dir"), cwd=path, named=False)
        if outcome.code:
            raise RepositoryError(f"{path} is no git repository: {outcome.said}")
        return cls(Path(os.fsdecode(outcome.out.rstrip(b"\n"))))

    def within(self, **extra: str) -> Git:
        """The same with more variables."""
        return Git(self.directory, {**self.extra, **extra})

    async def run(self, *words: str, stdin: bytes = b"") -> bytes:
        """Run a command; what it wrote.

        Raises:
            RepositoryError: It failed.
        """
        outcome = await self.attempt(*words, stdin=stdin)
        if outcome.code:
            raise RepositoryError(f"git {words[0]} failed in {self.directory}: {outcome.said}")
        return outcome.out

    async def attempt(self, *words: str, **how: Any) -> Outcome:
        """Run a command that may fail; ``how`` goes to :func:`trio.run_process`."""
        return await self._run(words, **how)

    async def write(self, path: Path, *words: str, stdin: bytes) -> None:
        """Run a command and have what it writes in a file.

        Raises:
            RepositoryError: It failed.
        """
        with await trio.to_thread.run_sync(path.open, "wb") as file:
            outcome = await self._run(words, stdin=stdin, stdout=file)
            await trio.to_thread.run_sync(os.fsync, file.fileno())
        if outcome.code:
            raise RepositoryError(f"git {words[0]} failed in {self.directory}: {outcome.said}")

    async def feed(self, *words: str, pour: Pour, limits: Limits) -> Outcome:
        """Run a command that reads what a stranger wrote.

        Args:
            words: The command.
            pour: Writes it, with what it is given, which blocks a thread; not to its end, if git
                ends before.
            limits: What git may take.

        Raises:
            TorrentError: What ``pour`` raised; git is stopped then.
        """
        ended: list[Outcome] = []
        failures: list[TorrentError] = []
        git = self.within(GIT_ALLOC_LIMIT=str(limits.allocation))

        async def run(*, task_status: trio.TaskStatus[trio.Process]) -> None:
            how = {"stdin": subprocess.PIPE, "task_status": task_status}
            ended.append(await git.attempt(*words, **how))
            nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            process: trio.Process = await nursery.start(run)
            limits.impose(process.pid)
            assert isinstance(process.stdin, trio.lowlevel.FdStream)  # noqa: S101 - it is a pipe
            async with process.stdin as pipe:
                os.set_blocking(pipe.fileno(), True)
                try:
                    await pour(partial(_write, pipe.fileno()))
                except BrokenPipeError:
                    pass  # It ended, and says why.
                except TorrentError as problem:
                    failures.append(problem)  # The nursery would wrap it in a group.
                    nursery.cancel_scope.cancel()
        for failure in failures:
            raise failure
        return ended[0]

    async def _run(
        self, words: Iterable[str], *, cwd: Path | None = None, named: bool = True, **how: Any
    ) -> Outcome:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        environment |= _OURS | dict(self.extra)
        if named:
            environment["GIT_DIR"] = str(self.directory)
        how.setdefault("stdin", b"")
        how.setdefault("capture_stdout", "stdout" not in how)
        run = partial(trio.run_process, capture_stderr=True, check=False, **how)
        try:
            done = await run(["git", *words], env=environment, cwd=cwd or self.directory)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise RepositoryError(f"git cannot be run in {self.directory}: {error}") from error
        return Outcome(done.returncode, done.stdout or b"", _said(done.stderr))

    # What is often asked.

    async def path(self, name: str) -> Path:
        """Where something of the repository lies (worktrees share some of it)."""
        out = await self.run("rev-parse", "--git-path", name)
        return self.directory / os.fsdecode(out.rstrip(b"\n"))

    async def object_format(self) -> str:
        """``sha1`` or ``sha256``."""
        return (await self.run("rev-parse", "--show-object-format")).decode().strip()

    async def shallow(self) -> bool:
        """Whether its history was cut off (git-clone(1), ``--depth``)."""
        return (await self.run("rev-parse", "--is-shallow-repository")).strip() == b"true"

    async def refs(self) -> dict[bytes, bytes]:
        """All refs, and what they lead to."""
        out = await self.run("for-each-ref", "--format=%(objectname) %(refname)")
        pairs = (line.split(b" ", 1) for line in out.splitlines())
        return {name: bytes.fromhex(oid.decode()) for oid, name in pairs}

    async def head(self) -> bytes:
        """The branch that HEAD stands for; empty if it stands for none."""
        return (await self.attempt("symbolic-ref", "-q", "HEAD")).out.strip()

    async def missing(self, oids: Iterable[bytes]) -> set[bytes]:
        """Which of these objects are not there."""
        asked = b"".join(oid.hex().encode() + b"\n" for oid in oids)
        out = await self.run("cat-file", "--batch-check=%(objectname)", "--buffer", stdin=asked)
        lines = (line.split(b" ") for line in out.splitlines())
        return {bytes.fromhex(line[0].decode()) for line in lines if line[1:] == [b"missing"]}

    async def commits(self, oids: Iterable[bytes]) -> set[bytes]:
        """The commits that these objects, which are there, are or are tags of."""
        asked = b"".join(oid.hex().encode() + b"^{}\n" for oid in oids)
        question = "--batch-check=%(objectname) %(objecttype)"
        out = await self.run("cat-file", question, "--buffer", stdin=asked)
        lines = (line.split(b" ") for line in out.splitlines())
        return {bytes.fromhex(line[0].decode()) for line in lines if line[1:] == [b"commit"]}


def _write(pipe: int, data: bytes) -> None:
    """Write all of it, from a thread that waits.

    Git reads four kilobytes at a time, and after each of them a pipe that does not block would wake
    the loop: five thousand times for twenty megabytes.
    """
    left = memoryview(data)
    while left:
        left = left[os.write(pipe, left) :]


def _said(stderr: bytes | None) -> str:
    """The line that tells the most: the last one, or the last that says ``fatal`` or ``error``."""
    lines = (stderr or b"").decode("utf-8", "replace").strip().splitlines()
    grave = [line for line in lines if line.startswith(("fatal: ", "error: "))]
    return ((grave or lines or ["it gave no reason"])[0])[:_SHOWN]
