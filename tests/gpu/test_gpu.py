"""What needs a real accelerator: results near those of a CPU, and runs that repeat and resume."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import convscope as cs
from convscope.backends.device import find
from convscope.training.recipe import find as recipe_of
from convscope.training.run import Run
from convscope.training.signals import Stopped

THERE = torch.accelerator.is_available()

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not THERE, reason="torch has no accelerator on this machine")]

PART = recipe_of("fast").changed(epochs=0.2, precision="float32")


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model.safetensors")


def test_an_accelerator_learns_what_a_cpu_learns(tmp_path: Path) -> None:
    here, there = (cs.train(recipe=PART, out=tmp_path, name=name, device=name) for name in ("cpu", "auto"))
    assert json.loads((there.path / "env.json").read_text("utf-8"))["device"].startswith(find().name)
    assert abs(here.result.accuracy - there.result.accuracy) < 0.01  # 100 of 10,000 images: rounding, amplified
    again = cs.evaluate(there, device="cpu")
    assert again.loss == pytest.approx(there.result.loss, rel=1e-4)


def test_a_stopped_run_resumes_to_nearly_the_same_weights(tmp_path: Path) -> None:
    whole = cs.train(recipe=PART, out=tmp_path, name="whole")

    def stop(progress: object) -> None:
        raise Stopped(tmp_path / "cut", 50, 94, 2) if progress.step >= 50 else None  # type: ignore[attr-defined,misc]

    with pytest.raises(Stopped):
        cs.train(recipe=PART, out=tmp_path, name="cut", save_every=0.0, progress=stop)
    resumed = cs.resume(tmp_path / "cut")
    for name, value in weights(whole.path).items():
        torch.testing.assert_close(weights(resumed.path)[name], value, rtol=1e-2, atol=1e-2, msg=name)


def test_every_use_of_a_run(tmp_path: Path, short_run: Run) -> None:
    run = shutil.copytree(short_run.path, tmp_path / "run")
    here, there = (cs.evaluate(run, device=name) for name in ("cpu", "auto"))
    assert there.loss == pytest.approx(here.loss, rel=1e-4)
    assert cs.export(run, to="safetensors", device="auto").passed
    for what in ("kernels", "features", "field", "saliency", "mistakes"):
        assert cs.look(run, what, device="auto").figure().to_svg()
