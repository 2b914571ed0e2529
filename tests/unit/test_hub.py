"""Runs on the hub of Hugging Face, with a stand-in for its library: what is sent, what is fetched, what is refused."""

from __future__ import annotations

import inspect
import json
import shutil
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import convscope as cs
from convscope.cli import run as command
from convscope.errors import FieldError, MissingExtraError, ModelError, RunError
from convscope.frontends import hub
from runs_of_old import aged

TOKEN = "hf_" + "x" * 8

NET = "input 8x8x1, conv 4 3x3 bn relu, gap, linear 2"


class Hub(ModuleType):
    """A stand-in: a folder instead of a server."""

    def __init__(self, root: Path) -> None:
        super().__init__("huggingface_hub")
        self.root = root
        self.token: str | None = TOKEN
        self.private: dict[str, bool] = {}
        self.down = False
        self.HfApi = lambda: self

    def get_token(self) -> str | None:
        return self.token

    def create_repo(self, repo_id: str, *, private: bool, exist_ok: bool, repo_type: str) -> str:
        assert exist_ok
        assert repo_type == "model"
        self._reached()
        self.private[repo_id] = private
        return f"https://hub/{repo_id}"

    def upload_folder(self, *, repo_id: str, folder_path: Path, **_: Any) -> None:
        shutil.copytree(folder_path, self.root / repo_id)

    def snapshot_download(self, name: str, *, local_dir: Path, allow_patterns: list[str]) -> None:
        if self.down and local_dir.is_dir():  # as the library does offline
            return
        self._reached()
        local_dir.mkdir(parents=True, exist_ok=True)
        for one in (self.root / name).iterdir():
            if one.name in allow_patterns:
                shutil.copy(one, local_dir)

    def _reached(self) -> None:
        if self.down:
            raise ConnectionError("the network is down\nat length")


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    found = Hub(tmp_path / "server")
    monkeypatch.setitem(sys.modules, "huggingface_hub", found)
    monkeypatch.setitem(sys.modules, "huggingface_hub.constants", SimpleNamespace(HF_HOME=str(tmp_path / "home")))
    return found


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> cs.Run:
    """Return a run on images of the user's own, in a folder with a telling name."""
    folder = tmp_path_factory.mktemp("secret-customer")
    random, labels = np.random.default_rng(0), np.arange(64) % 2
    x = (random.integers(0, 60, (64, 8, 8)) + 150 * labels[:, None, None]).astype(np.uint8)
    np.savez(folder / "own.npz", x_train=x, y_train=labels, x_test=x[:8] + 1, y_test=labels[:8])
    run = cs.train(NET, data=f"npz:{folder}/own.npz", epochs=20, batch=16, out=folder / "runs", name="mine")
    cs.report(run).save(run.path / "report.html")
    return run


def test_what_is_sent_is_a_complete_run_without_paths(there: Hub, own: cs.Run, tmp_path: Path) -> None:
    assert "secret-customer" not in (own.path / "data.json").read_text() + (own.path / "recipe.toml").read_text()
    old = aged(own.path, tmp_path / "old")
    assert "secret-customer" in (old / "data.json").read_text(), "there is something to keep back"
    found = cs.push(old, "hf:me/mine", private=True)
    sent = there.root / "me/mine"
    assert found.address == "https://hub/me/mine"
    assert there.private == {"me/mine": True}
    assert {one.name for one in sent.iterdir()} == {name for name, _ in found.files}
    assert {"net.cnn", "recipe.toml", "data.json", "seal.json", "model.safetensors", "README.md"} <= dict(
        found.files
    ).keys()
    held = [str(Path.home()), str(Path.cwd()), "secret-customer", TOKEN]
    for one in sent.iterdir():
        content = one.read_bytes()
        assert not [text for text in held if len(text) > 3 and text.encode() in content], one.name
    loaded = cs.load_run(sent)
    assert '"npz:own.npz"' in (sent / "data.json").read_text()
    assert loaded.dataset.name == own.dataset.name, (
        "who has trained it finds the data, by the record outside of any run"
    )
    assert loaded.result.accuracy == own.result.accuracy
    images = torch.rand(3, 1, 8, 8) * 255
    assert torch.equal(loaded.module()(images), own.module()(images))


def test_a_file_that_holds_a_path_is_left_out(own: cs.Run) -> None:
    card = own.path / "README.md"
    before, notes = card.read_text(), list[str]()
    card.write_text(f"{before}\nsee {own.path.resolve()}")
    found = cs.push(own, "hf:me/told", note=notes.append, dry_run=True)
    card.write_text(before)
    assert "README.md" not in dict(found.files)
    assert notes == ["README.md is left out: it holds a path of this machine"]


def test_a_name_on_the_hub_is_a_run_for_every_reader(
    there: Hub, own: cs.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cs.push(own, "hf:me/mine")
    assert str(cs.read("hf:me/mine")) == str(own.net)
    assert cs.load_run("hf:me/mine").result.accuracy == own.result.accuracy
    notes: list[str] = []
    again = cs.train("hf:me/mine", data=own.dataset.name, epochs=1, out=tmp_path, note=notes.append)
    assert any("training starts from the weights of the run" in one for one in notes)
    assert again.result.accuracy >= own.result.accuracy - 0.3
    assert command(["table", "hf:me/mine", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)
    there.down = True
    assert cs.load_run("hf:me/mine").net == own.net, "what was fetched before is used offline"


def test_the_command_sends_or_only_lists(there: Hub, own: cs.Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["push", str(own.path), "hf:me/listed", "--dry-run"]) == 0
    assert "nothing was sent to hf:me/listed" in capsys.readouterr().out
    assert not (there.root / "me").exists()
    assert command(["push", str(own.path), "hf:me/listed", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["address"] == "https://hub/me/listed"
    assert found["files"]["model.safetensors"] == (there.root / "me/listed/model.safetensors").stat().st_size


def test_without_a_token_or_a_network_nothing_is_sent(there: Hub, own: cs.Run) -> None:
    there.token = None
    with pytest.raises(RunError, match="there is no token") as caught:
        cs.push(own, "hf:me/mine")
    assert "hf auth login" in caught.value.attempt
    there.token, there.down = TOKEN, True
    with pytest.raises(RunError, match=r"hf:me/mine cannot be written: ConnectionError: the network is down"):
        cs.push(own, "hf:me/mine")
    with pytest.raises(ModelError, match="hf:me/other cannot be fetched: ConnectionError: the network is down"):
        cs.read("hf:me/other")


def test_without_the_library_the_extra_is_named(own: cs.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for act in (lambda: cs.push(own, "hf:me/mine"), lambda: cs.load_run("hf:me/mine")):
        with pytest.raises(MissingExtraError, match="huggingface_hub is not installed") as caught:
            act()
        assert "[hub]" in caught.value.attempt
    assert cs.push(own, "hf:me/mine", dry_run=True).address == ""


def test_a_repository_without_a_run_is_refused_with_the_way_for_timm(there: Hub) -> None:
    folder = there.root / "some/model"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"architecture": "resnet18"}')
    with pytest.raises(ModelError, match="hf:some/model holds no run of Convscope") as caught:
        cs.read("hf:some/model")
    assert "timm:hf-hub:some/model" in caught.value.attempt


NAMES = ("hf:digits", "me/digits", "hf:../../etc", "hf:me/a/b", "hf:me/..", "hf:", "hf:me/x y", "hf:-/-")


@pytest.mark.parametrize("wrong", NAMES)
def test_other_names_are_refused_before_any_work(there: Hub, own: cs.Run, wrong: str) -> None:
    with pytest.raises(FieldError, match="names no repository"):
        cs.push(own, wrong)
    assert not there.root.exists()


def test_the_library_itself_is_refused_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HOME", str(tmp_path))
    with pytest.raises(ModelError, match="hf:nobody/nothing cannot be fetched") as caught:
        hub.fetched("hf:nobody/nothing")
    assert caught.value.attempt == hub.REMEDY


def test_a_model_of_timm_on_the_hub_brings_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def create(name: str, *, pretrained: bool) -> torch.nn.Module:
        assert name == "hf-hub:some/model"
        asked.append(pretrained)
        conv = torch.nn.Conv2d(1, 3, 3)
        made = torch.nn.Sequential(conv, torch.nn.Flatten(), torch.nn.Linear(108, 2))
        if pretrained:
            torch.nn.init.constant_(conv.weight, 0.125)
        vars(made)["pretrained_cfg"] = {"input_size": (1, 8, 8)}
        return made

    monkeypatch.setitem(sys.modules, "timm", SimpleNamespace(create_model=create))
    assert cs.read("timm:hf-hub:some/model").output == (2,)
    assert asked == [False], "a table needs no weights"
    from convscope.training.brought import bring

    found = bring("timm:hf-hub:some/model")
    assert found.tensors is not None
    assert any((one == 0.125).all() for one in found.tensors.values())


def test_the_stand_in_takes_what_the_library_takes(tmp_path: Path) -> None:
    import huggingface_hub as real

    there = Hub(tmp_path)
    for name in ("create_repo", "upload_folder"):
        ours, theirs = (inspect.signature(getattr(one, name)).parameters for one in (there, real.HfApi))
        assert {*ours} - {"_"} <= {*theirs}
    assert {"local_dir", "allow_patterns"} <= {*inspect.signature(real.snapshot_download).parameters}
    assert {"repo_id", "folder_path", "repo_type", "commit_message"} <= {
        *inspect.signature(real.HfApi.upload_folder).parameters
    }
    assert callable(real.get_token)
