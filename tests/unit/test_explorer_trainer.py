"""Training from the page: it is watched, stopped and resumed, and what cannot be trained is said in words."""

import errno
import json
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import msgspec
import pytest

import convscope as cs
from clock import until
from convscope.errors import ConvscopeError, MachineError
from convscope.explorer import trainer
from convscope.explorer.build import document_of
from convscope.explorer.document import Document
from convscope.explorer.host import Entry, Host
from convscope.explorer.trainer import Nothing, Start, Trainer, answer
from convscope.frontends import text

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


def stand_in(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Let another program stand in for the training; it is given the net."""

    def begun(words: list[str], given: IO[bytes], said: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", program, *words], stdin=given, stderr=said)

    monkeypatch.setattr(trainer, "started", begun)


def test_a_training_that_says_much_is_not_held_up_and_its_error_is_found(
    pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(
        monkeypatch,
        "import sys; sys.stderr.write('warning: old\\n' * 6000 + 'DataError: not there\\n'"
        " + 'warning: ' + 'x' * 200_000); sys.exit(2)",
    )
    monkeypatch.setattr(trainer, "LONGEST", 2**20)
    pages.asked("train", notation=NET)
    assert pages.ended() == "failed"
    assert pages.asked("training")["why"] == "DataError: not there"


def test_a_net_longer_than_an_argument_is_trained(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, "import sys; sys.exit(f'RunError: {len(sys.stdin.read())} letters')")
    long = "input 8x8x1" + "".join(f', "{at:0>100}": relu' for at in range(1500))
    pages.asked("train", notation=long)
    assert pages.ended() == "failed"
    assert pages.asked("training")["why"] == f"RunError: {len(text.write(cs.read(long)))} letters"


def test_a_process_that_is_killed_is_said_to_be(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, "import os; os._exit(9)")
    pages.asked("train", notation=NET)
    assert pages.ended() == "failed"
    assert pages.asked("training")["why"] == "its process ended with status 9"


def test_what_was_stopped_before_it_was_saved_cannot_be_resumed(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, "import time; time.sleep(60)")
    pages.asked("train", notation=NET)
    pages.asked("stop")
    assert pages.ended() == "failed"
    assert "RunError" in pages.asked("training")["why"]
    with pytest.raises(ConvscopeError, match="no training to resume"):
        pages.asked("resume")


def test_a_fault_while_a_checkpoint_is_shown_does_not_end_the_watch(
    pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(trainer, "document_of", full)
    pages.asked("train", notation=NET, epochs=0.05)
    assert pages.ended() == "done"
    assert pages.asked("training")["why"] == "MemoryError: "


def test_where_no_process_can_be_started_the_state_stays(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(trainer, "started", none)
    with pytest.raises(MachineError):
        pages.asked("train", notation=NET)
    assert pages.asked("training")["state"] == "idle"


def test_a_document_can_be_added_while_others_are_gone_through(pages: Pages) -> None:
    names = iter(pages.host.entries)
    next(names)
    pages.host.show("other", document_of("input 8x8x1, relu"), None)
    assert list(names) == []
    assert list(pages.host.entries) == ["net", "other"]


def test_there_is_nothing_to_resume_at_first(pages: Pages) -> None:
    with pytest.raises(ConvscopeError, match="no training to resume"):
        pages.asked("resume")
    assert Start(notation=NET).epochs == 1
