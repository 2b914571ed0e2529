"""Data sets: a registry, and readers for their files. Numpy only."""

from convscope.data.registry import DATASETS, Dataset, Split, load

__all__ = ["DATASETS", "Dataset", "Split", "load"]
