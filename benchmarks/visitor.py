"""A browser as a web server sees it: pages with what is on them, six connections at a time.

Run as ``python -m benchmarks.visitor``; each line on stdin is a page: ``host``, ``port`` and
``paths``, the first path the page's own. It answers how long it took until that one was there, and
until everything was, and how many bytes came. Connections are kept from page to page. Nothing but
the standard library is imported, so that twenty of them are light.
"""

from __future__ import annotations

import json
import queue
import sys
import threading
import time
from http.client import HTTPConnection

CONNECTIONS = 6
"""To one host at a time: what browsers allow themselves."""


class Browser:
    """Fetches pages from one server."""

    def __init__(self, host: str, port: int) -> None:
        self._lines = [HTTPConnection(host, port) for _ in range(CONNECTIONS)]

    def page(self, paths: list[str]) -> dict[str, float]:
        """Fetch a page, then what is on it; how long that took."""
        began = time.monotonic()
        sizes = [self.fetch(self._lines[0], paths[0])]
        document = time.monotonic() - began
        waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
        for path in paths[1:]:
            waiting.put(path)
        threads = [
            threading.Thread(target=self.work, args=(line, waiting, sizes)) for line in self._lines
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if len(sizes) < len(paths):
            raise RuntimeError(f"of {len(paths)} files of {paths[0]}, {len(sizes)} came")
        seconds = time.monotonic() - began
        return {"document": document, "seconds": seconds, "bytes": sum(sizes)}

    def work(self, line: HTTPConnection, paths: queue.SimpleQueue[str], sizes: list[int]) -> None:
        """Fetch what is left, one thing after the other."""
        while True:
            try:
                path = paths.get_nowait()
            except queue.Empty:
                return
            sizes.append(self.fetch(line, path))

    @staticmethod
    def fetch(line: HTTPConnection, path: str) -> int:
        """One file; its size."""
        line.request("GET", path)
        answer = line.getresponse()
        data = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status}: {data[:500]!r}")
        return len(data)


def main() -> None:
    """Fetch what stdin says."""
    browsers: dict[tuple[str, int], Browser] = {}
    for line in sys.stdin:
        job = json.loads(line)
        where = job["host"], job["port"]
        browser = browsers.setdefault(where, Browser(*where))
        print(json.dumps(browser.page(job["paths"])), flush=True)


if __name__ == "__main__":
    main()
