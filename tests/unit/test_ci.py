"""What others copy to run checks: the hook and the settings that the how-to shows."""

import re
import tomllib
from pathlib import Path

import pytest

from convscope.cli import run
from convscope.cli.check import check
from convscope.cli.settings import KEYS, nearest_settings

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[2]
HOWTO = (ROOT / "docs/howto/check-in-ci.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", HOWTO, re.DOTALL)


def test_every_key_is_an_option_and_documented() -> None:
    options = {name for option in check.params for name in option.opts}
    for key in KEYS:
        assert f"--{key}" in options
        assert f"| `--{key}`, `{key}` |" in HOWTO


def test_the_settings_shown_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (text,) = blocks("toml")
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    found = nearest_settings(tmp_path)
    assert found is not None
    assert len(found[1]) == len(tomllib.loads(text)["tool"]["convscope"])
    monkeypatch.chdir(tmp_path)
    assert run(["check", "input 28x28x1, 9*( conv 8 3x3 nobias bn relu ), conv 8 3x3, gap, linear 10"]) == 0


def test_the_hook_and_the_workflows_name_commands_that_work(tmp_path: Path) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    net = tmp_path / "small.cnn"
    net.write_text("input 28x28x1, conv 8 3x3, gap, linear 10\n", encoding="utf-8")
    workflow, config = map(yaml.safe_load, blocks("yaml"))
    (used,) = config["repos"][0]["hooks"]
    assert used["id"] == hook["id"]
    assert run([*hook["entry"].split()[1:], *used["args"], str(net)]) == 0
    assert re.search(hook["files"], net.name)
    steps = [step["run"] for step in workflow["jobs"]["check"]["steps"] if "run" in step]
    assert any(step.startswith("convscope check nets/*.cnn --sarif") for step in steps)
    assert run(["check", str(net), "--sarif"]) == 0
