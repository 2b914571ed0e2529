"""One short run that several tests look at."""

import pytest

from convscope.training.recipe import find
from convscope.training.run import Run
from convscope.training.train import train


@pytest.fixture(scope="session")
def short_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A twentieth of an epoch: enough to read most digits."""
    return train(recipe=find("fast").changed(epochs=0.05), out=tmp_path_factory.mktemp("runs"))
