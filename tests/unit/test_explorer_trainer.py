"""Training from the page: it is watched, stopped and resumed, and what cannot be trained is said in words."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

import convscope as cs
from clock import until
from convscope.errors import ConvscopeError, MachineError
from convscope.explorer.document import Document
from convscope.explorer.host import Entry, Host
from convscope.explorer.trainer import Nothing, Start, Trainer, answer

ENDS = {"done", "stopped", "failed"}
NET = "input 28x28x1, conv 8 5x5 s4 relu, linear 10"


class Pages:
    """What the pages of a server hear and are shown."""

    def __init__(self, out: Path) -> None:
        self.heard: list[dict[str, Any]] = []
        self.host = Host({"net": Entry("net", b"{}")})
        self.trainer = Trainer(lambda kind, **facts: self.heard.append({"kind": kind, **facts}), self.host.show, out)
        self.host.trainer = self.trainer

    def asked(self, method: str, **arguments: Any) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.host.answered(method, arguments))
        return found

    def ended(self) -> str:
        """Wait until the pages have heard that the training has ended; return how."""
        until(lambda: any(one.get("state") in ENDS for one in self.heard))
        return str(self.asked("training")["state"])


@pytest.fixture
def pages(tmp_path: Path) -> Pages:
    return Pages(tmp_path / "runs")


def test_a_training_is_stopped_and_resumed(pages: Pages) -> None:
    assert "train" in pages.host.capabilities
    assert pages.asked("training") | {"data": []} == {"state": "idle", "run": "", "log": [], "why": "", "data": []}
    told = pages.asked("train", notation=NET, epochs=300)
    assert (told["state"], told["run"]) == ("running", "mnist-page-seed0")
    with pytest.raises(MachineError, match="running already"):
        pages.asked("train", notation=NET)
    until(lambda: len(pages.asked("training")["log"]) > 3)
    pages.asked("stop")
    assert pages.ended() == "stopped"
    run = pages.trainer.out / "mnist-page-seed0"
    shown = msgspec.json.decode(pages.host.entries["mnist-page-seed0"].content, type=Document)
    assert shown.run is not None
    assert shown.run.step
    assert shown.run.step == cs.load_run(run).step
    reports = [line["step"] for one in pages.heard if one["kind"] == "training" for line in one["log"]]
    assert reports == sorted(set(reports))  # each line once, in order
    assert {"kind": "document", "id": "mnist-page-seed0"} in pages.heard
    assert pages.asked("resume")["state"] == "running"
    until(lambda: pages.asked("training")["log"][-1]["step"] > reports[-1])
    pages.trainer.end()
    assert pages.trainer.status(Nothing())["state"] in {"stopping", "stopped"}


def test_a_training_that_fails_says_why(pages: Pages) -> None:
    pages.asked("train", notation="input 8x8x1, conv 4 3x3 relu, gap, linear 3")
    assert pages.ended() == "failed"
    assert pages.asked("training")["why"] == "ShapeError: the net expects 8x8x1, but the images of mnist are 28x28x1"


@pytest.mark.parametrize(
    "arguments",
    [
        {"notation": "input 8x8x1, conv"},
        {"notation": NET, "data": "folder:/etc"},
        {"notation": NET, "data": "../mnist"},
        {"notation": NET, "epochs": -1},
        {"notation": NET, "epochs": "1"},
        {"notation": NET, "out": "elsewhere"},
        {"notation": "@/etc/passwd"},
        {},
    ],
)
def test_what_cannot_be_trained_starts_nothing(pages: Pages, arguments: dict[str, Any]) -> None:
    with pytest.raises(ConvscopeError):
        answer(pages.trainer, "train", arguments)
    assert not pages.trainer.out.exists()
    assert pages.trainer.status(Nothing())["state"] == "idle"


def test_there_is_nothing_to_resume_at_first(pages: Pages) -> None:
    with pytest.raises(ConvscopeError, match="no training to resume"):
        pages.asked("resume")
    assert Start(notation=NET).epochs == 1
