"""What can go wrong with a repository behind a name; each says whose fault it is."""

from __future__ import annotations

from torrent.errors import TorrentError


class GitError(TorrentError):
    """Abstract: a repository could not be published, fetched or kept."""


class ManifestError(GitError):
    """What a name leads to is no manifest, or one that breaks the rules: its publisher's fault.

    Attributes:
        field: The field at fault, as a path: ``refs.refs/heads/x``, ``generations[2].length``.
    """

    def __init__(self, field: str, fault: str) -> None:
        super().__init__(f"manifest: {field}: {fault}")
        self.field = field
        self.fault = fault


class PackError(GitError):
    """A pack is not what the manifest says, or holds what no repository should: refused whole."""


class RepositoryError(GitError):
    """The repository on this machine cannot be used: not there, damaged, or git refuses."""


class FetchFirstError(GitError):
    """The name moved on since it was listed, or holds what is not here: an ordinary race."""
