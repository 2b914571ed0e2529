"""The zoos can be imported beside any build of torch."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.peer
TESTS = Path(__file__).parents[1]


def python(code: str) -> "subprocess.CompletedProcess[str]":
    """A fresh interpreter, in which nothing is loaded yet."""
    command = [sys.executable, "-W", "error", "-c", f"import sys\nsys.path.insert(0, {str(TESTS)!r})\n{code}"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


READY = "from peers.zoo import make_importable\nmake_importable()\nmake_importable()\n"
COUNT = "import torch\nwith torch.device('meta'):\n    model = {}\nprint(sum(p.numel() for p in model.parameters()))"


@pytest.mark.skipif(find_spec("torchvision") is None, reason="torchvision is not installed")
def test_a_model_of_torchvision_has_its_published_params() -> None:
    code = READY + "import torchvision\n" + COUNT.format("torchvision.models.get_model('resnet18')")
    published = "\nprint(torchvision.models.ResNet18_Weights.DEFAULT.meta['num_params'])"
    done = python(code + published)
    assert done.stdout.split() == ["11689512", "11689512"], done.stderr


@pytest.mark.skipif(find_spec("timm") is None, reason="timm is not installed")
def test_a_model_of_timm() -> None:
    done = python(READY + "import timm\n" + COUNT.format("timm.create_model('resnet18')"))
    assert done.stdout.split() == ["11689512"], done.stderr


@pytest.mark.skipif(find_spec("torchvision") is None, reason="torchvision is not installed")
def test_without_help_the_import_fails_or_the_operators_are_there() -> None:
    done = python("import torchvision\nprint(torchvision.extension._has_ops())")
    assert done.stdout.split() == ["True"] or "torchvision::" in done.stderr
