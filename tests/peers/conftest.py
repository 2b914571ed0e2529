"""What tests of the model zoos share."""

import warnings
from collections.abc import Iterator

import pytest
import torch

from peers import zoo


@pytest.fixture
def quiet() -> Iterator[None]:
    """The zoos can be imported, their warnings about each other's names are ignored, and threads stay as they were."""
    threads = torch.get_num_threads()
    zoo.make_importable()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    torch.set_num_threads(threads)
