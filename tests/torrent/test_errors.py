from __future__ import annotations

from torrent.errors import MetainfoError, TorrentError


def test_a_metainfo_error_names_field_and_fault() -> None:
    error = MetainfoError("info.piece length", "missing")
    assert isinstance(error, TorrentError)
    assert (error.field, error.fault) == ("info.piece length", "missing")
    assert str(error) == "info.piece length: missing"
