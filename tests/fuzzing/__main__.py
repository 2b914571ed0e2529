"""Fuzz one reader:  python -m fuzzing READER SECONDS FOLDER  (with tests/ on the path; see scripts/fuzz).

Inputs with a fault are written into the folder, each kind and place once, and are judged again by a process that
counts no branches; what remains is printed, and the exit status is 1.
"""

from __future__ import annotations

import hashlib
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import atheris

SLOWER = 4.0
"""How much longer than by itself the code takes while its branches are counted."""

GRANT = os.environ.get("FUZZ_GRANT", "1")
"""How much longer an input may take that is judged again: on a machine of unknown speed, several times as long."""

MOST = 100
"""Inputs that are kept."""

LONGEST = 200_000
"""Bytes of an input."""

AGAIN = """
import sys
from pathlib import Path
from fuzzing.verdict import judged
from fuzzing.readers import READERS
reader, path, folder = READERS[sys.argv[1]], Path(sys.argv[2]), Path(sys.argv[3])
judged(reader, reader.seeds()[0], folder)  # everything is imported
print(*judged(reader, path.read_bytes(), folder, slower=float(sys.argv[4])))
"""


def main() -> None:
    """Fuzz until the time is over."""
    name, seconds, out = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    out.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))  # noqa: S108
    corpus = folder / "corpus"
    corpus.mkdir()
    with atheris.instrument_imports(include=["convscope"]):
        from fuzzing.readers import READERS
        from fuzzing.verdict import judged

        reader = READERS[name]
        for at, seed in enumerate(reader.seeds()):
            (corpus / str(at)).write_bytes(seed)
            judged(reader, seed, folder)  # what is imported late is imported now
    resource.setrlimit(resource.RLIMIT_AS, (6 * 10**9, 6 * 10**9))
    known: set[str] = set()
    end, count = time.monotonic() + seconds, 0

    def one(content: bytes) -> None:
        nonlocal count
        if time.monotonic() > end:
            finish(name, out, folder, count)
        count += 1
        kind, text = judged(reader, content, folder, slower=SLOWER)
        if kind and f"{kind} {text[:60]}" not in known and len(known) < MOST:
            known.add(f"{kind} {text[:60]}")
            digest = hashlib.sha256(content).hexdigest()[:12]
            (out / f"{name}-{kind}-{digest}").write_bytes(content)

    def mutated(content: bytes, most: int, seed: int) -> bytes:
        draw = random.Random(seed)
        if draw.random() < 0.3:
            return bytes(atheris.Mutate(content, most))
        try:
            return reader.mutated(content, draw)[:most]
        except (ValueError, OverflowError, TypeError, RecursionError):  # a value that the structure cannot hold
            return bytes(atheris.Mutate(content, most))

    options = [
        f"-max_len={LONGEST}",
        f"-artifact_prefix={folder}/",
        "-verbosity=0",
        "-timeout=600",
        "-rss_limit_mb=0",
        "-print_final_stats=0",
    ]
    atheris.Setup([sys.argv[0], str(corpus), *options], one, custom_mutator=mutated)
    atheris.Fuzz()


def finish(name: str, out: Path, folder: Path, count: int) -> None:
    """Judge again what was found, and end."""
    faults = 0
    for path in sorted(out.glob(f"{name}-*")):
        done = subprocess.run(
            [sys.executable, "-c", AGAIN, name, str(path), str(folder), GRANT],
            capture_output=True,
            text=True,
            check=False,
        )
        if verdict := done.stdout.strip() or done.stderr.strip()[-200:]:
            sys.stdout.write(f"{path}: {verdict}\n")
            faults += 1
        else:
            path.unlink()
    sys.stdout.write(f"{name}: {count:,} inputs, {faults} with a fault\n")
    sys.stdout.flush()
    os._exit(1 if faults else 0)


if __name__ == "__main__":
    main()
