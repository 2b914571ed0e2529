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


READY = "from convscope.frontends.torch.vision import make_importable\nmake_importable()\nmake_importable()\n"
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


@pytest.mark.skipif(find_spec("timm") is None, reason="timm is not installed")
@pytest.mark.parametrize(("name", "params"), [("torchvision:resnet18", 11_689_512), ("timm:resnet18", 11_689_512)])
def test_the_command_line_opens_the_zoos(name: str, params: int) -> None:
    done = python(f"from convscope.cli import run\nrun(['table', {name!r}, '--json'])")
    assert f'"params": {params}' in done.stdout, done.stderr


OWN = "import torch, torchvision\ndef make():\n    return torchvision.models.resnet18()\n"


@pytest.mark.skipif(find_spec("torchvision") is None, reason="torchvision is not installed")
def test_code_of_the_users_own_may_import_torchvision(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(OWN, encoding="utf-8")
    asked = [f"{tmp_path / 'mine.py'}:make", "--input", "32x32x3", "--json"]
    done = python(f"from convscope.cli import run\nrun(['table', *{asked!r}])")
    assert '"params": 11689512' in done.stdout, done.stderr


@pytest.mark.skipif(find_spec("torchvision") is None, reason="torchvision is not installed")
def test_the_operators_that_stand_in_are_right() -> None:
    code = """
import torch
from torchvision import ops
torch.manual_seed(0)
low = torch.rand(200, 2) * 20
boxes, scores = torch.cat([low, low + 2 + torch.rand(200, 2) * 8], 1), torch.rand(200)
kept = []
for one in scores.argsort(descending=True).tolist():  # by the definition
    if all(float(ops.box_iou(boxes[one : one + 1], boxes[k : k + 1])) <= 0.3 for k in kept):
        kept.append(one)
assert ops.nms(boxes, scores, 0.3).tolist() == kept, kept
y, x = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
plane = (3 * y + x)[None, None].requires_grad_()  # bilinear sampling of a plane is the plane
found = ops.roi_align(plane, [torch.tensor([[2.0, 4.0, 10.0, 12.0]])], 4, sampling_ratio=2)
centres = torch.arange(4) * 2 + 1.0
torch.testing.assert_close(found[0, 0], 3 * (centres[:, None] + 4) + centres + 2)
found.sum().backward()
assert float(plane.grad.sum()) == 16.0
"""
    done = python(READY + code)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(find_spec("torchvision") is None, reason="torchvision is not installed")
def test_without_help_the_import_fails_or_the_operators_are_there() -> None:
    done = python("import torchvision\nprint(torchvision.extension._has_ops())")
    assert done.stdout.split() == ["True"] or "torchvision::" in done.stderr
