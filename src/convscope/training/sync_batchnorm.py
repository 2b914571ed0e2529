"""Batch norm over the batches of all processes, so that data-parallel training equals training in one process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

if TYPE_CHECKING:
    from torch import Tensor


class _Sum(torch.autograd.Function):
    """Sum a tensor over all processes; its gradient is summed the same way."""

    @staticmethod
    def forward(_: Any, local: Tensor) -> Tensor:
        total = local.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total


def _sum(local: Tensor) -> Tensor:
    found: Tensor = _Sum.apply(local)  # type: ignore[no-untyped-call] # untyped in torch
    return found


class BatchNorm(_BatchNorm):
    """A batch norm over any number of axes that trains on the statistics of all processes.

    torch's own ``SyncBatchNorm`` needs a GPU.
    """

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002 -- torch's own name
        """Accept any number of axes."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``n c ...``."""
        if not self.training:
            return super().forward(x)
        axes = [axis for axis in range(x.dim()) if axis != 1]
        across = [1, -1, *(1 for _ in axes[1:])]
        full = x.float()
        count = _sum(torch.tensor([float(x.numel() // x.shape[1])]).to(x.device))
        mean = _sum(full.sum(axes)) / count
        centred = full - mean.view(across)
        variance = _sum(centred.square().sum(axes)) / count
        self._remember(mean.detach(), variance.detach() * count / (count - 1).clamp(min=1))
        found = centred * torch.rsqrt(variance + self.eps).view(across)
        if self.affine:
            found = found * self.weight.view(across) + self.bias.view(across)
        return found.to(x.dtype)

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


def sync_batch_norm(model: nn.Module) -> None:
    """Replace every batch norm of a model with one over all processes."""
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, _BatchNorm):
                fresh = BatchNorm(child.num_features, child.eps, child.momentum, child.affine)
                fresh.load_state_dict(child.state_dict())
                setattr(parent, name, fresh)
