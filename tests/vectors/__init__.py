"""Published test vectors, each file with its source, and how to read them."""

import json
from pathlib import Path
from typing import Any


def load(name: str) -> Any:
    return json.loads(Path(__file__).with_name(f"{name}.json").read_text(encoding="utf-8"))
