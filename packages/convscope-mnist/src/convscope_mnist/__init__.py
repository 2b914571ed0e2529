"""The four files of the MNIST database of handwritten digits; Convscope reads them."""

from pathlib import Path

__all__ = ["FOLDER"]

FOLDER = Path(__file__).parent
"""The folder of the four files."""
