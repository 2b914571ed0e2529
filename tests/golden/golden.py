"""Compare with a stored text; ``scripts/golden`` rewrites the stored texts."""

import os
from pathlib import Path

FOLDER = Path(__file__).parent


def same_as_golden(name: str, text: str) -> None:
    path = FOLDER / name
    if os.environ.get("CONVSCOPE_REWRITE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{text}\n", encoding="utf-8")
    assert path.read_text(encoding="utf-8") == f"{text}\n", f"{path} differs; look at it, then run scripts/golden"
