"""A web server that has everything: static files, with ranges, and repositories by smart HTTP.

Run as ``python -m benchmarks.origin HOST PORT ROOT``; says when it is ready, and ends when stdin
does. Repositories are ``/git/*.git`` and are handed to ``git http-backend``, git's own CGI program,
which is what stands behind nginx or Apache wherever somebody serves git himself. The server itself
is Python's and one thread a connection: behind an uplink of some MB/s that is no bottleneck.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Final
from urllib.parse import unquote

GIT: Final = "/git/"
_RANGE: Final = re.compile(r"bytes=(\d+)-(\d*)")
_CHUNK: Final = 1 << 16


class Origin(ThreadingHTTPServer):
    """The server; ``root`` is what it serves."""

    daemon_threads = True
    request_queue_size = 256
    root: Path


class Answering(BaseHTTPRequestHandler):
    """One connection of a visitor, who may ask for many things."""

    protocol_version = "HTTP/1.1"

    @property
    def root(self) -> Path:
        """What is served."""
        assert isinstance(self.server, Origin)
        return self.server.root

    def do_GET(self) -> None:
        """A file, or what git wants to know first."""
        if self.path.startswith(GIT):
            return self.ask_git()
        path = self.root / unquote(self.path.partition("?")[0]).lstrip("/")
        try:
            with path.open("rb") as file:
                return self.send_file(file, path.stat().st_size)
        except OSError:
            return self.send_error(404)

    def do_POST(self) -> None:
        """What git wants then."""
        self.ask_git()

    def send_file(self, file: IO[bytes], size: int) -> None:
        """All of a file, or the range that was asked for."""
        wanted = _RANGE.fullmatch(self.headers.get("Range", ""))
        first = int(wanted[1]) if wanted else 0
        last = min(int(wanted[2]), size - 1) if wanted and wanted[2] else size - 1
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        self.wfile.flush()
        if size:
            self.connection.sendfile(file, first, last - first + 1)

    def ask_git(self) -> None:
        """Have git's program answer, and pass on what it says until it has said all."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        command = ["git", "http-backend"]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, env=self.environment(), stdin=pipe, stdout=pipe) as git:
            assert git.stdin
            assert git.stdout
            git.stdin.write(body)
            git.stdin.close()
            heads = dict(self.heads(git.stdout))
            self.send_response(int(heads.pop("Status", "200").split()[0]))
            for name, value in heads.items():
                self.send_header(name, value)
            self.send_header("Connection", "close")
            self.end_headers()
            shutil.copyfileobj(git.stdout, self.wfile, _CHUNK)

    def environment(self) -> dict[str, str]:
        """What a CGI program is told (RFC 3875)."""
        path, _, query = self.path.partition("?")
        told = {
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": unquote(path),
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "HTTP_GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_ADDR": self.client_address[0],
        }
        return {"PATH": os.environ["PATH"], "HOME": str(self.root), **told}

    @staticmethod
    def heads(answer: IO[bytes]) -> list[tuple[str, str]]:
        """The header lines of a CGI program's answer."""
        found = []
        while line := answer.readline().strip().decode("latin-1"):
            name, _, value = line.partition(":")
            found.append((name, value.strip()))
        return found

    def log_message(self, *_: object) -> None:
        """Say nothing: stdout is for who started us."""


def main() -> None:
    """Serve until stdin ends."""
    host, port, root = sys.argv[1:]
    with Origin((host, int(port)), Answering) as server:
        server.root = Path(root)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(json.dumps({"ready": True}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
