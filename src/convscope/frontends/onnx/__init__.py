"""ONNX models: the file is parsed and its shapes are inferred; nothing in it is run."""

from convscope.frontends.onnx.read import read_file

__all__ = ["read_file"]
