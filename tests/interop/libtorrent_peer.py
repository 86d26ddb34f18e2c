"""libtorrent as a BitTorrent peer on loopback, in a process of its own.

Run as ``python -m tests.interop.libtorrent_peer``; it takes a JSON object a line on stdin and
answers each with one on stdout, and ends when stdin does:

``{"do": "open", "host": ..., "profile": "default"|"seed", "settings": {...}}``
    Start the session; answers with its port. ``seed`` is ``high_performance_seed``.
    With ``"abroad": true`` private addresses count as any other: unless told so, libtorrent keeps
    no upload slots for what it takes for the local network.
``{"do": "add", "torrent": PATH | "magnet": URI, "directory": DIR}``
    Add a torrent and, if files are there, check them; answers when it is ready.
``{"do": "connect", "peers": [[HOST, PORT], ...]}``
    Dial them; answers at once.
``{"do": "wait", "seconds": S}``
    Wait until all that was added is complete; answers with the seconds waited since ``connect``,
    or ``{"complete": false}``.
``{"do": "flush"}``
    Write what it still holds in memory; answers when it is in the files.
``{"do": "create", "path": ..., "piece": ..., "version": "v1"|"v2"|"hybrid", "out": PATH}``
    Make a torrent; answers with the seconds it took.
``{"do": "status"}``
    What it is doing.

uTP, local discovery, port mapping and the DHT are off: nothing but the streams asked for.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import libtorrent as lt

SETTINGS: dict[str, Any] = {
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "enable_ip_notifier": False,
    "allow_multiple_connections_per_ip": True,
    "enable_outgoing_utp": False,
    "enable_incoming_utp": False,
    # 2: disabled. Encryption comes to us as a layer of its own.
    "out_enc_policy": 2,
    "in_enc_policy": 2,
    "alert_mask": int(
        lt.alert_category.status | lt.alert_category.error | lt.alert_category.storage
    ),
}
VERSIONS = {
    "v1": lt.create_torrent.v1_only,
    "v2": lt.create_torrent.v2_only,
    "hybrid": 0,
}
LOOK = 0.005
"""Seconds between two looks at a transfer: a hundredth of the shortest that is measured."""


class Peer:
    """One session."""

    def __init__(self) -> None:
        self._session: Any = None
        self._handles: list[Any] = []
        self._since = time.monotonic()

    def open(self, job: dict[str, Any]) -> dict[str, Any]:
        profile = lt.high_performance_seed() if job.get("profile") == "seed" else {}
        # Only what the profile changes about the work; where it listens and talks is ours to say.
        settings = {**profile, **SETTINGS, **job.get("settings", {})}
        settings["listen_interfaces"] = f"{job.get('host', '127.0.0.1')}:0"
        self._session = lt.session(settings)
        if job.get("abroad"):
            self._session.set_peer_class_filter(lt.ip_filter())
        deadline = time.monotonic() + 10
        while not (port := self._session.listen_port()) and time.monotonic() < deadline:
            time.sleep(LOOK)
        return {"port": port, "version": lt.__version__}

    def add(self, job: dict[str, Any]) -> dict[str, Any]:
        if "magnet" in job:
            params = lt.parse_magnet_uri(job["magnet"])
        else:
            params = lt.load_torrent_file(job["torrent"])
        params.save_path = job["directory"]
        managed = lt.torrent_flags.auto_managed | lt.torrent_flags.paused
        params.flags = params.flags & ~managed
        handle = self._session.add_torrent(params)
        self._handles.append(handle)
        busy = {lt.torrent_status.checking_files, lt.torrent_status.checking_resume_data}
        while handle.status().state in busy:
            time.sleep(LOOK)
        return self.status(job)

    def connect(self, job: dict[str, Any]) -> dict[str, Any]:
        self._since = time.monotonic()
        for host, port in job["peers"]:
            for handle in self._handles:
                handle.connect_peer((host, port))
        return {}

    def wait(self, job: dict[str, Any]) -> dict[str, Any]:
        deadline = time.monotonic() + job["seconds"]
        while time.monotonic() < deadline:
            if all(handle.status().is_seeding for handle in self._handles):
                return {"complete": True, "seconds": time.monotonic() - self._since}
            time.sleep(LOOK)
        return {"complete": False, **self.status(job)}

    def flush(self, _job: dict[str, Any]) -> dict[str, Any]:
        for handle in self._handles:
            # Of `flush_cache` the answering alert is sometimes never sent.
            handle.save_resume_data(lt.save_resume_flags_t.flush_disk_cache)
        left, deadline = len(self._handles), time.monotonic() + 10
        while left and time.monotonic() < deadline:
            self._session.wait_for_alert(1000)
            alerts = self._session.pop_alerts()
            left -= sum(isinstance(alert, lt.save_resume_data_alert) for alert in alerts)
        return {"flushed": not left}

    def create(self, job: dict[str, Any]) -> dict[str, Any]:
        path = Path(job["path"])
        start = time.monotonic()
        files = lt.list_files(str(path))
        made = lt.create_torrent(files, job["piece"], VERSIONS[job["version"]])
        lt.set_piece_hashes(made, str(path.parent))
        data = lt.bencode(made.generate())
        seconds = time.monotonic() - start
        Path(job["out"]).write_bytes(data)
        return {"seconds": seconds}

    def status(self, _job: dict[str, Any]) -> dict[str, Any]:
        statuses = [handle.status() for handle in self._handles]
        return {
            "torrents": [
                {
                    "state": str(status.state),
                    "progress": status.progress,
                    "pieces": status.num_pieces,
                    "peers": status.num_peers,
                    "uploaded": status.total_payload_upload,
                    "downloaded": status.total_payload_download,
                    "wasted": status.total_redundant_bytes + status.total_failed_bytes,
                    "error": status.errc.message() if status.errc.value() else "",
                }
                for status in statuses
            ]
        }


def main() -> None:
    """Do what stdin says until it ends."""
    peer = Peer()
    for line in sys.stdin:
        job = json.loads(line)
        print(json.dumps(getattr(peer, job.pop("do"))(job)), flush=True)


if __name__ == "__main__":
    main()
