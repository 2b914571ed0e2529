"""Models of torchvision: what is read from them against what is published and what torch counts."""

import pytest
import torch

from convscope.frontends.torch import Imported, read_module
from peers import zoo

pytestmark = zoo.NEEDED


def test_all_published_params_and_macs_of_torchvision() -> None:
    import torchvision

    looked = 0
    for name in torchvision.models.list_models(torchvision.models):
        known: dict[int, Imported] = {}
        for weights in torchvision.models.get_model_weights(name):
            side = weights.transforms().crop_size[0]
            if side not in known:
                sized = {"image_size": side} if name.startswith("vit_") else {}
                module = zoo.made("torchvision", name, **sized)
                known[side] = read_module(module, (3, side, side))
            table = known[side].net.table()
            assert table.params.value == weights.meta["num_params"], weights
            assert round(table.macs.value / 1e9, 3) == pytest.approx(weights.meta["_ops"], abs=1e-9), weights
            assert table.params.exact
            assert table.macs.exact
            looked += 1
    assert looked >= 110


SEGMENTATION: dict[str, dict[str, int]] = {
    "fcn_resnet50": {},
    "deeplabv3_mobilenet_v3_large": {},
    "lraspp_mobilenet_v3_large": {},
}
DETECTION: dict[str, dict[str, int]] = {
    "retinanet_resnet50_fpn": {"min_size": 320},  # 800 if nobody says so, to which they enlarge the image
    "fcos_resnet50_fpn": {"min_size": 320},
    "ssd300_vgg16": {},
    "ssdlite320_mobilenet_v3_large": {},
    "fasterrcnn_mobilenet_v3_large_320_fpn": {},
    "keypointrcnn_resnet50_fpn": {"min_size": 320, "box_detections_per_img": 10},  # its code loops over all 100
}


@pytest.mark.parametrize(("name", "settings"), (SEGMENTATION | DETECTION).items(), ids=SEGMENTATION | DETECTION)
def test_segmentation_and_detection_are_read(name: str, settings: dict[str, int]) -> None:
    import torchvision

    torch.manual_seed(0)
    module = torchvision.models.get_model(name, weights=None, weights_backbone=None, **settings)
    found = read_module(module, (3, 320, 320)).net.table()
    assert found.params.value == sum(parameter.numel() for parameter in module.parameters())
    assert found.macs.value > 10**8
    if name in SEGMENTATION:
        assert found.macs.value == zoo.multiply_adds(module, (3, 320, 320))
