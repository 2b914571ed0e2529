"""The devices that nets run on, and all that differs between them: the rest of the package asks a :class:`Device`.

The CPU is the reference: random numbers are drawn there on every device, so that the same seed gives the same initial
weights, order and augmentation everywhere; sums of floats are rounded in another order on another device.
"""

from __future__ import annotations

import os
import re
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import torch

from convscope.backends.machine import fast_bfloat16, free_memory
from convscope.errors import FieldError, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from torch import Tensor, nn

AUTO, HOST = "auto", "cpu"
"""The accelerator of this machine if it has one, or else the CPU; and the CPU."""

FUSED = frozenset({"cpu", "cuda", "mps", "xpu"})
"""Devices on which torch takes a step of an optimizer in one kernel."""

SHARE = 0.25
"""The largest part of an accelerator's free memory that the images of a data set may take."""

_NAME = re.compile(r"([a-z]{1,20})(?::([0-9]{1,4}))?")


class Device(Protocol):
    """A device, and what training and evaluation need from it.

    Attributes:
        name: as in ``--device``: ``cpu``, ``cuda:0``.
        torch: the same for torch.
        every: number of steps between two reads of the loss; each read waits for the device.
        group: the backends of :mod:`torch.distributed` for tensors of the host and of the device.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 -- see the class
    @property
    def torch(self) -> torch.device: ...  # noqa: D102
    @property
    def every(self) -> int: ...  # noqa: D102
    @property
    def group(self) -> str: ...  # noqa: D102

    def described(self) -> str:
        """Return the name, and for an accelerator the product."""

    def put(self, tensor: Tensor) -> Tensor:
        """Return a tensor of the host on the device, without waiting for the copy."""

    def module(self, model: nn.Module) -> None:
        """Move a model to the device, in place."""

    def autocast(self) -> AbstractContextManager[Any]:
        """Return the context in which convolutions and products take bfloat16."""

    def multiplies_bfloat16(self) -> bool:
        """Return whether the device multiplies bfloat16 in hardware."""

    def free(self) -> int | None:
        """Return its memory that can be allocated [byte]; None if unknown."""

    def random(self) -> Tensor | None:
        """Return the state of its random numbers; None where they are those of the host."""

    def set_random(self, state: Tensor) -> None:
        """Set the state of its random numbers."""

    def kept_random(self) -> AbstractContextManager[Any]:
        """Return the context after which random numbers of host and device are as before."""

    def exact(self) -> AbstractContextManager[Any]:
        """Return the context in which float32 is float32, and a result repeats where torch has a kernel for that."""

    def claim(self) -> None:
        """Make it the current device of this process."""


@dataclass(frozen=True)
class Host:
    """The CPU."""

    name: str = HOST
    torch: torch.device = torch.device(HOST)  # noqa: RUF009 -- torch's devices are frozen
    every: int = 1
    group: str = "gloo"

    def described(self) -> str:
        """See :class:`Device`."""
        return self.name

    def put(self, tensor: Tensor) -> Tensor:
        """See :class:`Device`."""
        return tensor

    def module(self, model: nn.Module) -> None:
        """See :class:`Device`."""

    def autocast(self) -> AbstractContextManager[Any]:
        """See :class:`Device`."""
        return torch.autocast(HOST, dtype=torch.bfloat16)

    def multiplies_bfloat16(self) -> bool:
        """See :class:`Device`."""
        return fast_bfloat16()

    def free(self) -> int | None:
        """See :class:`Device`."""
        return free_memory()

    def random(self) -> Tensor | None:
        """See :class:`Device`."""
        return None

    def set_random(self, state: Tensor) -> None:
        """See :class:`Device`."""

    def kept_random(self) -> AbstractContextManager[Any]:
        """See :class:`Device`."""
        return torch.random.fork_rng(devices=[])

    def exact(self) -> AbstractContextManager[Any]:
        """See :class:`Device`."""
        return nullcontext()

    def claim(self) -> None:
        """See :class:`Device`."""


CPU = Host()


@dataclass(frozen=True)
class Accelerator:
    """A device that :mod:`torch.accelerator` knows: a GPU of NVIDIA, AMD (both ``cuda``), Apple or Intel.

    Attributes:
        kind: ``cuda``, ``mps``, ``xpu``, …
        index: its number, from 0.
    """

    kind: str
    index: int = 0

    @property
    def name(self) -> str:
        """See :class:`Device`."""
        return f"{self.kind}:{self.index}"

    @property
    def torch(self) -> torch.device:
        """See :class:`Device`."""
        return torch.device(self.kind, self.index)

    @property
    def every(self) -> int:
        """See :class:`Device`."""
        return 10

    @property
    def group(self) -> str:
        """See :class:`Device`."""
        own = torch.distributed.get_default_backend_for_device(self.torch)
        return f"{HOST}:gloo,{self.kind}:{own}"

    @property
    def _module(self) -> Any:
        return torch.get_device_module(self.torch)

    def described(self) -> str:
        """See :class:`Device`."""
        named = getattr(self._module, "get_device_name", None)
        return f"{self.name}, {named(self.index)}" if named else self.name

    def put(self, tensor: Tensor) -> Tensor:
        """See :class:`Device`; only memory that is pinned can be copied while the host computes."""
        pinned = tensor.pin_memory() if self.kind in {"cuda", "xpu"} else tensor
        return pinned.to(self.torch, non_blocking=pinned.is_pinned())

    def module(self, model: nn.Module) -> None:
        """See :class:`Device`."""
        model.to(self.torch)

    def autocast(self) -> AbstractContextManager[Any]:
        """See :class:`Device`."""
        return torch.autocast(self.kind, dtype=torch.bfloat16)

    def multiplies_bfloat16(self) -> bool:
        """See :class:`Device`."""
        return self.kind == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)

    def free(self) -> int | None:
        """See :class:`Device`."""
        try:
            return int(torch.accelerator.get_memory_info(self.torch)[0])
        except (RuntimeError, NotImplementedError):  # MPS shares the memory of the host
            return free_memory()

    def random(self) -> Tensor | None:
        """See :class:`Device`."""
        found: Tensor = self._module.get_rng_state(*self._number())
        return found.cpu()

    def set_random(self, state: Tensor) -> None:
        """See :class:`Device`."""
        self._module.set_rng_state(state, *self._number())

    def _number(self) -> tuple[int, ...]:
        return () if self.kind == "mps" else (self.index,)

    @contextmanager
    def kept_random(self) -> Iterator[None]:
        """See :class:`Device`."""
        before = self.random()
        with torch.random.fork_rng(devices=[]):
            try:
                yield
            finally:
                if before is not None:
                    self.set_random(before)

    @contextmanager
    def exact(self) -> Iterator[None]:
        """See :class:`Device`."""
        with ExitStack() as stack:
            if self.kind == "cuda":
                flags = {"enabled": True, "benchmark": False, "deterministic": True, "allow_tf32": False}
                stack.enter_context(torch.backends.cudnn.flags(**flags))
            yield

    def claim(self) -> None:
        """See :class:`Device`."""
        torch.accelerator.set_device_index(self.index)


KINDS: dict[str, Callable[[int], Device]] = {
    HOST: lambda _: CPU,
    **{kind: partial(Accelerator, kind) for kind in ("cuda", "mps", "xpu")},
}
"""Kinds of devices by name; :func:`find` adds what else :mod:`torch.accelerator` reports."""


def counts() -> Mapping[str, int]:
    """Return the devices of this machine: the kinds, the default one first, and how many of each."""
    found = torch.accelerator.current_accelerator(check_available=True)
    return {HOST: 1} if found is None else {found.type: torch.accelerator.device_count(), HOST: 1}


def find(name: str | torch.device | None = AUTO) -> Device:
    """Return a device of this machine.

    Under ``torchrun``, a name without a number is the device of this process.

    Args:
        name: ``cpu``, ``cuda``, ``cuda:1``, ``mps``, ``xpu``, …; or ``auto``, the accelerator of this machine or else
            its CPU.

    Raises:
        UnknownNameError: there is no such kind of device.
        FieldError: this machine has no such device.

    >>> find("cpu").name
    'cpu'
    """
    there = counts()
    word = AUTO if name is None else str(name)
    match = _NAME.fullmatch(word)
    kind = next(iter(there)) if word == AUTO else match[1] if match else word
    if match is None or (kind not in KINDS and kind not in there):
        raise unknown("device", word, dict.fromkeys((AUTO, *KINDS, *there)))
    if kind == HOST and not match[2]:
        return CPU
    count = there.get(kind, 0)
    index = int(match[2]) if match[2] else int(os.environ.get("LOCAL_RANK", "0")) % max(1, count)
    if index >= count or kind == HOST:
        raise FieldError(
            f"this machine has no device {word}",
            given=", ".join(own if size == 1 else f"{own}:0 to {own}:{size - 1}" for own, size in there.items()),
            attempt="auto",
        )
    made = KINDS.get(kind, partial(Accelerator, kind))
    return made(index)


def device_of(model: nn.Module) -> torch.device:
    """Return the device of a model's weights; that of a model without weights is the CPU."""
    return next((one.device for one in model.parameters()), CPU.torch)


def fits(device: Device, need: int) -> bool:
    """Return whether a tensor in memory can stay on a device beside a net that trains [byte]."""
    if device.torch.type == HOST:
        return True
    free = device.free()
    return free is not None and need <= SHARE * free
