"""Data sets: a registry, and readers for their files. Numpy, and Pillow where images are decoded."""

from convscope.data.dataset import Dataset, Split
from convscope.data.registry import DATASETS, find, load

__all__ = ["DATASETS", "Dataset", "Split", "find", "load"]
