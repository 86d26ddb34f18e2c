"""Machine code that is older than its source is thrown away before the first test.

numba keeps compiled kernels beside their source and compiles a function anew when the file it
stands in has changed; a change in a function that it *calls*, in another file, it does not see.
"""

from pathlib import Path

import simulations

ROOT = Path(simulations.__path__[0])


def sweep() -> None:
    """Remove all kept code if any source has changed since the oldest of it was made."""
    kept = [path for pattern in ("*.nbi", "*.nbc") for path in ROOT.rglob(pattern)]
    oldest = min((path.stat().st_mtime for path in kept), default=0.0)
    if any(path.stat().st_mtime > oldest for path in ROOT.rglob("*.py")):
        for path in kept:
            path.unlink(missing_ok=True)


sweep()
