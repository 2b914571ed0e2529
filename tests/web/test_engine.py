"""The page's engine says of nets what Python says, and computes what torch computes."""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest

import vectors
from convscope import explorer

pytestmark = pytest.mark.web

ENGINE = Path(explorer.__file__).parent / "page" / "engine"

SHIM = """
globalThis.tests = []
globalThis.Deno = {
  env: { get: () => "vectors" },
  readTextFileSync: () => globalThis.vectors,
  test: (test, body) => tests.push(typeof test === "string" ? { name: test, fn: body } : test),
}
"""
"""What the tests use of deno, for a browser."""

RUN = """() => tests.map(({ name, ignore, fn }) => {
  try { return ignore ? `${name}: ignored` : fn() ?? "" } catch (error) { return `${name}: ${error.message}` }
})"""
"""Run all tests; an empty text for each that passes."""


@pytest.fixture(scope="module")
def deno() -> str:
    found = shutil.which("deno", path=sysconfig.get_path("scripts")) or shutil.which("deno")
    if found is None:
        pytest.skip("there is no deno: pip install deno")
    return found


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vectors") / "vectors.jsonl"
    assert vectors.write(path) >= 150 + 60
    return path


def run(deno: str, *words: str, **env: str) -> str:
    env = {**os.environ, "NO_COLOR": "1", "DENO_NO_UPDATE_CHECK": "1", **env}
    done = subprocess.run([deno, *words], cwd=ENGINE.parent, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_engine_equals_python(deno: str, written: Path) -> None:
    words = ("test", "--frozen", "--allow-read", "--allow-env=CONVSCOPE_VECTORS", str(ENGINE))
    said = run(deno, *words, CONVSCOPE_VECTORS=str(written))
    assert "0 failed" in said
    assert "ignored" not in said


def test_the_engine_equals_python_in_a_browser(deno: str, written: Path, browser: Any, tmp_path: Path) -> None:
    script = tmp_path / "tests.js"
    run(deno, "bundle", "--frozen", "--platform=browser", f"--output={script}", "engine/testing/browser.ts")
    page = browser.new_page()
    page.evaluate(SHIM)
    page.evaluate("text => { globalThis.vectors = text }", written.read_text(encoding="utf-8"))
    page.add_script_tag(content=script.read_text(encoding="utf-8"))
    results = page.evaluate(RUN)
    page.close()
    assert len(results) >= 16
    assert set(results) == {""}


def test_the_parts_of_the_page(deno: str) -> None:
    assert "0 failed" in run(deno, "test", "--frozen", "--no-check", "--ignore=engine")
