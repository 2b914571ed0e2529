"""Models in the format ONNX: the file is parsed and its shapes are worked out; nothing of it is run."""

from convscope.frontends.onnx.read import read_file

__all__ = ["read_file"]
