"""Is the memory estimate right? Against the live tensors that torch really holds, on ten nets.

python benchmarks/memory.py

Every tensor that an operator makes is watched until its storage is freed; the peak of their bytes is the truth. What an
operator takes inside of itself is not seen, by the estimate nor by the watch.
"""

import weakref
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import convscope as cs
from convscope.analyze.memory import memory
from convscope.backends.torch import TorchNet
from convscope.core.net import Net
from convscope.training.recipe import find
from light import RESNET50
from machine import machine

BATCH = 4

VGG = "input 64x64x3, 2*( conv 32 3x3 p1 relu ), maxpool 2, 2*( conv 64 3x3 p1 relu ), maxpool 2, flatten, linear 10"
NETS = {
    "fast": find("fast").net,
    "course net": "input 28x28x1, 2*( conv 32 3x3 relu ), maxpool 2, conv 32 3x3 relu, maxpool 2, "
    "conv 10 1x1 relu, conv 10 5x5, flatten",
    "vgg": VGG,
    "plain, batch norm": "input 64x64x3, 6*( conv 32 3x3 p1 nobias bn relu ), gap, linear 10",
    "residual": "input 32x32x16, 4*( add( conv 16 3x3 p1 nobias bn relu, conv 16 3x3 p1 nobias bn | id ) relu ), gap, "
    "linear 10",
    "inception": "input 32x32x16, 3*( cat( conv 8 1x1 relu | conv 8 3x3 p1 relu | conv 4 5x5 p2 relu | "
    "maxpool 3 s1 p1, conv 4 1x1 relu ) ), gap, linear 10",
    "u-net": "input 64x64x3, conv 16 3x3 same relu, cat( id | maxpool 2, conv 32 3x3 same relu, cat( id | "
    "maxpool 2, conv 64 3x3 same relu, up 2 ), conv 32 3x3 same relu, up 2 ), conv 16 3x3 same relu, conv 2 1x1",
    "squeeze-excite": "input 32x32x16, 3*( conv 32 3x3 p1 nobias bn silu, mul( id | gap, linear 8 relu, linear 32 "
    "sigmoid ) ), gap, linear 10",
    "mobile": "input 64x64x3, conv 16 3x3 s2 p1 nobias bn relu, 3*( add( conv 64 1x1 nobias bn relu, "
    "conv 64 3x3 p1 g64 nobias bn relu, conv 16 1x1 nobias bn | id ) ), gap, linear 10",
    "ResNet-50 at 64x64": RESNET50.replace("224x224", "64x64"),
}


class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call] # torch leaves it untyped
    """Bytes of the storages that are alive, and their peak."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # as above
        self.alive: dict[int, int] = {}
        self.peak = 0

    def add(self, tensor: torch.Tensor) -> None:
        """Count a storage until it is freed."""
        storage = tensor.untyped_storage()
        key = storage._cdata  # noqa: SLF001 -- the identity of a storage has no public name
        if key in self.alive:
            return
        self.alive[key] = storage.nbytes()
        weakref.finalize(storage, self.alive.pop, key, None)
        self.peak = max(self.peak, sum(self.alive.values()))

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operator and count what it makes."""
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                self.add(leaf)
        return result


def measured(net: Net, *, train: bool) -> int:
    """Peak bytes of live tensors, weights left out."""
    model = TorchNet(net).train(train)
    x = torch.rand(BATCH, *net.input)
    watch = Watch()
    watch.add(x)
    known = {p.untyped_storage()._cdata for p in [*model.parameters(), *model.buffers()]}  # noqa: SLF001
    watch.alive |= dict.fromkeys(known, 0)
    with watch, torch.set_grad_enabled(train):
        out = model(x)
        if train:
            torch.autograd.backward(out, torch.ones_like(out))
    return watch.peak


def main() -> None:
    """Measure and print."""
    print(machine("torch"))
    print(f"\nbatch {BATCH}, float32; weights left out\n")
    print("| net | inference, estimate | torch | off | training, estimate | torch | off |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    worst = 0.0
    for name, text in NETS.items():
        net = cs.read(text)
        found = memory(net, batch=BATCH, in_place=False)
        cells = [name]
        for estimate, train in ((found.peak.bytes, False), (found.training_peak.bytes, True)):
            true = measured(net, train=train)
            off = estimate / true - 1
            worst = max(worst, abs(off))
            cells += [f"{estimate:,}", f"{true:,}", f"{100 * off:+.1f} %"]
        print(f"| {' | '.join(cells)} |", flush=True)
    print(f"\nfarthest off: {100 * worst:.1f} %")


if __name__ == "__main__":
    main()
