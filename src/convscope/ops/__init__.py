"""The ops, one file per family. Importing this package fills the registry; the list is literal and complete."""

from convscope.ops import act, conv, linear, merge, norm, pool, resize, view

__all__ = ["act", "conv", "linear", "merge", "norm", "pool", "resize", "view"]
