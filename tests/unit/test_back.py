"""What was trained comes back as objects: a module, a table, and code with weights that fit it."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import convscope as cs
from convscope.cli import run
from convscope.data import load
from convscope.errors import ImageError, UnknownNameError
from convscope.training.evaluate import logits
from convscope.training.train import model_of

if TYPE_CHECKING:
    from pathlib import Path

    from convscope.training.run import Run


def test_the_module_of_a_run_gives_its_scores(short_run: Run) -> None:
    images = torch.from_numpy(np.array(load(short_run.dataset, "test").images[:40]))
    true = logits(model_of(short_run), images, short_run.dataset)
    module = short_run.module()
    assert not module.training
    with torch.no_grad():
        assert torch.allclose(module(images), true, atol=1e-4)
        assert torch.allclose(module(images.float()), true, atol=1e-4)
        scaled = (images / 255 - 0.1307) / 0.3081
        assert torch.allclose(short_run.module(scaled=False)(scaled), true, atol=1e-4)
        assert not torch.allclose(short_run.module(scaled=False)(images.float()), true, atol=1e-1)


def test_the_module_of_a_run_is_evaluated_like_any_other(short_run: Run) -> None:
    begun = cs.evaluate(short_run.module(scaled=False), data="mnist")
    assert abs(begun.loss - short_run.result.loss) < 1e-4


def test_the_history_is_the_log(short_run: Run) -> None:
    history = short_run.history
    assert len(history) == len(short_run.metrics()) - 1
    assert history["step"] == sorted(history["step"])
    assert history[-1]["learning_rate"] == history["learning_rate"][-1]
    assert [row["step"] for row in csv.DictReader(io.StringIO(history.to_csv()))] == list(map(str, history["step"]))
    assert str(history).splitlines()[0].split()[:2] == ["step", "epoch"]
    assert "<table" in history._repr_html_()
    with pytest.raises(UnknownNameError, match="loose"):
        _ = history["loose"]


def test_code_comes_with_the_weights_that_fit_it(short_run: Run, tmp_path: Path) -> None:
    path = tmp_path / "digits.py"
    assert run(["write", str(short_run.path), "--to", "torch", "-o", str(path)]) == 0
    space: dict[str, type[torch.nn.Module]] = {}
    exec(path.read_text(encoding="utf-8"), space)  # noqa: S102 -- our own
    module = space["Net"]()
    module.load_state_dict(load_file(tmp_path / "digits.safetensors"))
    assert abs(cs.evaluate(module, data="mnist").loss - short_run.result.loss) < 1e-4
    assert run(["eval", f"{path}:Net", "--weights", str(tmp_path / "digits.safetensors"), "--data", "mnist"]) == 0


def test_code_of_a_net_without_weights_comes_alone(tmp_path: Path) -> None:
    assert run(["write", "input 8x8x1, conv 4 3x3 relu", "--to", "torch", "-o", str(tmp_path / "net.py")]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["net.py"]


def test_predict_takes_images_in_memory_like_files(short_run: Run, tmp_path: Path) -> None:
    images = np.array(load(short_run.dataset, "test").images[:6])
    for at, image in enumerate(images[:, 0]):
        Image.fromarray(image).save(tmp_path / f"{at}.png")
    files = [one.probabilities for one in cs.predict(short_run, tmp_path)]
    forms = {
        "n c h w": images,
        "n h w": images[:, 0],
        "n h w c": images.transpose(0, 2, 3, 1),
        "0 to 1": torch.from_numpy(images) / 255,
        "Pillow": [Image.fromarray(image) for image in images[:, 0]],
        "mixed": [tmp_path / "0.png", *images[1:]],
    }
    for form, given in forms.items():
        assert [one.probabilities for one in cs.predict(short_run, given)] == files, form
    (one,) = cs.predict(short_run, images[0, 0])
    assert one.image == "image 0"
    assert one.probabilities == pytest.approx(files[0], abs=1e-5)  # a batch of another size rounds otherwise
    with pytest.raises(ImageError, match="values of image 0 range from -1 to 1"):
        cs.predict(short_run, images[0] / 127.5 - 1)


def test_look_takes_images_in_memory(short_run: Run) -> None:
    pixels = np.array(load(short_run.dataset, "test").images[0])
    true = str(cs.look(short_run, image=pixels))
    for image in (pixels[0], Image.fromarray(pixels[0]), torch.from_numpy(pixels), pixels.transpose(1, 2, 0)):
        assert str(cs.look(short_run, image=image)) == true
