"""What runs for minutes and outside of the tests can start: fuzzing, and the measurement of faults."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

ATHERIS = """
from contextlib import contextmanager
from pathlib import Path

@contextmanager
def instrument_imports(include):
    assert include == ["convscope"]
    yield

def Mutate(content, most):
    return content[::-1][:most]

def Setup(arguments, one, custom_mutator):
    global corpus, tried
    corpus, tried = Path(arguments[1]), lambda at, content: one(custom_mutator(content, 1000, at))

def Fuzz():
    while True:
        for at, path in enumerate(sorted(corpus.iterdir())):
            tried(at, path.read_bytes())
"""
"""A stand-in, as there are wheels of atheris for few systems: it counts no branches."""

PYTHON = '#!/bin/sh\nPYTHONPATH="$PYTHONPATH:{folder}" exec {python} "$@"\n'


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="fuzzing limits memory as Linux does")
def test_each_reader_is_fuzzed(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("keras")
    (tmp_path / "atheris.py").write_text(ATHERIS, encoding="utf-8")
    python = tmp_path / "python"
    python.write_text(PYTHON.format(folder=tmp_path, python=sys.executable), encoding="utf-8")
    python.chmod(0o755)
    command = [str(ROOT / "scripts" / "fuzz"), "0", str(tmp_path), str(tmp_path / "found")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    said = sorted(line.split(":")[0] for line in done.stdout.splitlines() if line.endswith(" inputs, 0 with a fault"))
    assert said == ["keras", "notation", "onnx", "weights"]


@pytest.mark.slow
def test_faults_are_measured() -> None:
    pytest.importorskip("torch")
    few = ["--passings", "0", "--kills", "1", "--signals", "0", "--damage", "1", "--doubles", "0", "--json"]
    command = [sys.executable, str(ROOT / "benchmarks" / "faults.py"), *few]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = {row["fault"]: row for row in json.loads(done.stdout)["rows"]}
    assert [row["trials"] for row in rows.values()] == [0, 1, 0, 1, 1, 0]
    assert rows["cut in the newest checkpoint"]["the one before"] == 1


LOADED = """
import runpy, sys
from pathlib import Path
path = list(sys.path)
for script in sys.argv[1:]:
    sys.path[:] = [str(Path(script).parent), *path]
    try:
        runpy.run_path(script, run_name="loaded")
    except ImportError as error:
        assert error.name in {"torchvision", "timm", "cv2", "scipy"}, (script, error)
    sys.modules.pop("faults", None)  # a script and a folder of tests have this name
"""


def test_every_benchmark_finds_what_it_imports() -> None:
    pytest.importorskip("torch")
    paths = sorted(map(str, (ROOT / "benchmarks").glob("*.py")))
    assert len(paths) > 10
    command = [sys.executable, "-c", LOADED, *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
