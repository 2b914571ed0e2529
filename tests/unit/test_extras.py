"""What an error tells to type is what installs the missing package, into the interpreter that ran."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from convscope import extras

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
NAMES = {"PIL": "pillow", "convscope_mnist": "convscope-mnist", "sklearn": "scikit-learn"}
"""What a module is called where packages are listed."""


def listed(extra: str) -> set[str]:
    found: set[str] = set()
    for requirement in PROJECT["project"]["optional-dependencies"][extra]:
        if requirement.startswith("convscope["):
            found = found.union(*(listed(one) for one in requirement[10:-1].split(",")))
        else:
            found.add(requirement.partition(">")[0])
    return found


@pytest.mark.parametrize(("module", "extra"), extras.EXTRAS.items())
def test_the_extra_that_is_named_brings_the_module(module: str, extra: str) -> None:
    assert NAMES.get(module, module) in listed(extra)


def test_nothing_is_installed_that_no_module_imports() -> None:
    everything = {NAMES.get(module, module) for module in extras.EXTRAS} | {
        "protobuf"
    }  # onnx brings it; its bound is ours
    assert listed("all") <= everything


def test_in_a_checkout_the_checkout_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "executable", "/usr/bin/python9")
    assert extras.pip("look") == '/usr/bin/python9 -m pip install -c constraints.txt -e ".[look]"'
    assert extras.pip("mnist") == "/usr/bin/python9 -m pip install ./packages/convscope-mnist"


class Installed:
    def __init__(self, came: object) -> None:
        self.came = came

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return json.dumps(self.came) if self.came else None


@pytest.mark.parametrize(
    ("came", "wanted"),
    [
        (None, '"convscope[look]"'),
        ({"url": "file:///home/me/convscope", "dir_info": {}}, '"convscope[look] @ file:///home/me/convscope"'),
        (
            {"url": "https://example.org/c.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            '"convscope[look] @ git+https://example.org/c.git@abc"',
        ),
    ],
)
def test_elsewhere_it_is_where_we_came_from(
    came: object, wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "ROOT", tmp_path)
    monkeypatch.setattr(extras, "distribution", lambda _: Installed(came))
    monkeypatch.setattr(sys, "executable", "/a b/python")
    assert extras.pip("look") == f"'/a b/python' -m pip install {wanted}"


@pytest.mark.parametrize("name", ["torchvision", "timm", "torchvision.models"])
def test_code_of_models_never_brings_another_torch(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "version", lambda _: "2.13.0+cpu")
    said = extras.missing_module(name).attempt
    assert '--no-deps "torchvision==0.28.*"' in said
    assert all("torch" not in part or "--no-deps" in part for part in said.split("&&"))


def test_what_keras_lacks_is_a_back_end() -> None:
    said = extras.missing_module("tensorflow", needs="keras")
    assert (said.what, said.attempt) == ("tensorflow, the back end of Keras, is not installed", extras.pip("train"))


def test_mnist_without_its_package_is_fetched_or_says_how(tmp_path: Path) -> None:
    code = (
        "import sys, importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'convscope_mnist' else find(name, *a)\n"
        "import urllib.request\n"
        "def no(url, **_): raise OSError('no network: ' + url)\n"
        "urllib.request.urlopen = no\n"
        "from convscope.cli import run; sys.exit(run(['data', 'stats', 'mnist']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"CONVSCOPE_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT / "src")},
    )
    assert done.returncode == 2
    assert "no network: https://" in done.stderr
    assert f"-images-idx3-ubyte.gz into {tmp_path / 'cache' / 'mnist'}, or " in done.stderr
    assert "packages/convscope-mnist" in done.stderr
