"""What produced a result."""

from __future__ import annotations

import re

from simulations.io import versions


def test_the_version_of_the_code_is_the_releases_and_a_hash_of_all_sources() -> None:
    assert re.fullmatch(r"[\w.]+\+[0-9a-f]{12}", versions.code())
    assert versions.code() == versions.code()


def test_packages_are_told_with_their_versions() -> None:
    found = versions.packages()
    assert set(found) == {"python", *versions.PACKAGES}
    assert all(found.values())


def test_what_is_not_installed_has_none() -> None:
    assert versions._version("no-such-package-anywhere") == "none"
