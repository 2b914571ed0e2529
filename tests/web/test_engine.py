"""The page's engine says of nets what Python says, and computes what torch computes."""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

import vectors
from convscope import explorer

pytestmark = pytest.mark.web

ENGINE = Path(explorer.__file__).parent / "page" / "engine"


@pytest.fixture(scope="module")
def deno() -> str:
    found = shutil.which("deno", path=sysconfig.get_path("scripts")) or shutil.which("deno")
    if found is None:
        pytest.skip("there is no deno: pip install deno")
    return found


def test_the_engine_equals_python(deno: str, tmp_path: Path) -> None:
    path = tmp_path / "vectors.jsonl"
    assert vectors.write(path) >= 150 + 75
    env = {**os.environ, "CONVSCOPE_VECTORS": str(path), "NO_COLOR": "1", "DENO_NO_UPDATE_CHECK": "1"}
    command = [deno, "test", "--frozen", "--allow-read", "--allow-env=CONVSCOPE_VECTORS", str(ENGINE)]
    done = subprocess.run(command, cwd=ENGINE.parent, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 failed" in done.stdout
    assert "ignored" not in done.stdout
