"""Networks of PyTorch: a live module is run once on tensors without numbers, and every operation is written down."""

from convscope.frontends.torch.module import Imported, read_model, read_module

__all__ = ["Imported", "read_model", "read_module"]
