"""Many processes train as one does, and go on when one of them is killed."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import clock
from convscope.training.distributed import Ranks
from convscope.training.sync_batchnorm import BatchNorm

pytestmark = [pytest.mark.faults, pytest.mark.slow]

# no bias before a norm: it has no gradient but rounding, of which the optimizer makes whole steps
NET = "input 28x28x1, conv 8 5x5 s2 nobias bn relu, maxpool 2, conv 16 3x3 nobias bn relu, linear 10"
RECIPE = """
precision = "float32"
learning_rate = 0.001
batch = 125
epochs = 0.05
"""


def command(parent: Path, name: str) -> list[str]:
    """Arguments that train 24 steps."""
    recipe = parent / "recipe.toml"
    recipe.write_text(RECIPE, encoding="utf-8")
    places = ["--recipe", str(recipe), "--out", str(parent), "--name", name]
    return [str(Path(__file__).parent / "crashing.py"), "train", NET, *places, "--quiet", "--no-report"]


def train(parent: Path, name: str, *more: str, ranks: int = 2, env: dict[str, str] | None = None) -> Path:
    """A run of 24 steps, by one process or by several."""
    many = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}", "--max-restarts=3"]
    subprocess.run(
        [sys.executable, *(many if ranks > 1 else []), *command(parent, name), *more],
        check=True,
        capture_output=True,
        timeout=clock.HANG,
        env={**os.environ, "OMP_NUM_THREADS": "1", **(env or {})},
    )
    return parent / name


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("two"), "run")


def lines(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()][:-1]


def test_two_processes_train_as_one_does(two: Path, tmp_path: Path) -> None:
    one = train(tmp_path, "run", ranks=1)
    assert [line["step"] for line in lines(one)] == [line["step"] for line in lines(two)] == [10, 20, 24]
    for mine, its in zip(lines(one), lines(two), strict=True):
        assert its["loss"] == pytest.approx(mine["loss"], rel=1e-5)
        assert its["accuracy"] == mine["accuracy"]
    alone, shared = load_file(one / "model.safetensors"), load_file(two / "model.safetensors")
    for name, tensor in alone.items():
        torch.testing.assert_close(shared[name], tensor, rtol=1e-5, atol=1e-5, msg=name)


def test_when_one_is_killed_all_begin_again_at_the_checkpoint(two: Path, tmp_path: Path) -> None:
    run = train(tmp_path, "run", "--save-every", "0", env={"CONVSCOPE_CRASH_AT": "step of rank 1:15"})
    assert (run / "model.safetensors").read_bytes() == (two / "model.safetensors").read_bytes()
    assert [line["step"] for line in lines(run)] == [10, 20, 24]
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith(".")) == ["recipe.toml", "run"]


def test_two_machines_train_as_two_processes_of_one(two: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    many = [
        "-m",
        "torch.distributed.run",
        "--nnodes=2",
        "--nproc-per-node=1",
        "--rdzv-backend=c10d",
        "--rdzv-id=machines",
    ]
    disks = [tmp_path / "first", tmp_path / "second"]
    for disk in disks:
        disk.mkdir()
    started = [
        subprocess.Popen(
            [sys.executable, *many, f"--rdzv-endpoint=localhost:{port}", *command(disk, "run")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        for disk in disks
    ]
    assert [one.wait(300) for one in started] == [0, 0]
    written = [disk / "run" for disk in disks if (disk / "run").exists()]
    assert len(written) == 1
    assert (written[0] / "model.safetensors").read_bytes() == (two / "model.safetensors").read_bytes()


def test_parts_of_a_batch_are_all_of_it() -> None:
    for world in (1, 2, 3, 7):
        taken = [at for rank in range(world) for at in range(125)[Ranks(rank, world).shares(125)]]
        assert taken == list(range(125))


def test_a_norm_over_one_process_is_torchs(tmp_path: Path) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        mine, its = BatchNorm(3), nn.BatchNorm2d(3)
        x, y = (torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0)).requires_grad_() for _ in range(2))
        for module, given in ((mine, x), (its, y)):
            (module(given) ** 3).sum().backward()
        assert x.grad is not None
        assert y.grad is not None
        torch.testing.assert_close(x.grad, y.grad, rtol=1e-4, atol=1e-5)
        for name, tensor in its.state_dict().items():
            torch.testing.assert_close(mine.state_dict()[name], tensor, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(mine.eval()(x), its.eval()(x))
    finally:
        torch.distributed.destroy_process_group()
