"""The nets that come with Keras: parameters as its table publishes them, of the live net and of the saved file."""

import json
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

if not all(map(find_spec, ("keras", "torch"))):
    pytest.skip("Keras or torch is not installed", allow_module_level=True)

from convscope.frontends import read
from keras_twin import keras, stored
from share import share

pytestmark = pytest.mark.peer

TRUTH = json.loads((Path(__file__).parents[1] / "truth" / "keras_applications.json").read_text())["models"]


def model(name: str) -> Any:
    """A net without numbers."""
    keras.utils.clear_session(free_memory=False)
    with keras.device("meta"):
        if name == "NASNetMobile":  # which Keras refuses to train on torch; it can be built
            sizes = {"penultimate_filters": 1056, "num_blocks": 4, "stem_block_filters": 32, "filter_multiplier": 2}
            made = keras.src.applications.nasnet.NASNet
            return made((224, 224, 3), **sizes, skip_reduction=False, weights=None, default_size=224, classes=1000)
        return getattr(keras.applications, name)(weights=None)


@pytest.mark.parametrize("name", share(TRUTH, every=2))
def test_parameters_are_those_of_the_table(name: str, tmp_path: Path) -> None:
    live = model(name)
    size = None if None not in live.input_shape[1:] else "224x224x3"
    net = read(live, input=size)
    assert stored(net) == TRUTH[name]["params"]
    assert net.output == (1000,)
    assert net.table().macs.exact
    assert not [layer.node.name for layer in net if layer.node.op.keyword in {"opaque", "rearrange"}]
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": keras.__version__}))
        archive.writestr("config.json", live.to_json())
    saved = read(path, input=size)
    assert saved == net
    assert stored(saved) == TRUTH[name]["params"]
