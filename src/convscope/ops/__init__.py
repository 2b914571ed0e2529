"""The ops, one file per family. Importing this package fills the registry; the list is literal and complete."""

from convscope.ops import (
    act,
    attention,
    conv,
    linear,
    merge,
    norm,
    opaque,
    pad,
    pool,
    recurrent,
    resize,
    scalar,
    source,
    tensor,
    view,
)

__all__ = [
    "act",
    "attention",
    "conv",
    "linear",
    "merge",
    "norm",
    "opaque",
    "pad",
    "pool",
    "recurrent",
    "resize",
    "scalar",
    "source",
    "tensor",
    "view",
]
