"""PyTorch models: a live module is run once on meta tensors, and every operation is recorded."""

from convscope.frontends.torch.module import Imported, read_model, read_module

__all__ = ["Imported", "read_model", "read_module"]
