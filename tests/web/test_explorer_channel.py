"""The explorer's Channel and Health: what they count is what torch computes, and the keyboard walks both."""

from collections import Counter
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from convscope.data import registry
from convscope.explorer.build import to_json
from convscope.explorer.document import Document
from convscope.explorer.page import one_file
from convscope.training.batches import scaled
from convscope.training.run import Run
from convscope.training.train import model_of
from watched import Opened

pytestmark = pytest.mark.web

LAYER, CHANNEL = "relu2", 5


def given(run: Run, document: Document) -> torch.Tensor:
    images = np.array(registry.load(run.dataset, "test").images)
    return scaled(torch.from_numpy(np.stack([images[one.number] for one in document.images])), run.dataset)


@pytest.fixture(scope="module")
def values(short_run: Run, run_document: Document) -> NDArray[np.float32]:
    """The values of the channel at the images of the document, ``n h w``."""
    model = model_of(short_run)
    with torch.inference_mode():
        found: NDArray[np.float32] = model.values({"input": given(short_run, run_document)}, [LAYER])[LAYER].numpy()
    return found


def number(text: str) -> float:
    return float(text.replace("\u2212", "-"))


def test_patches_classes_and_twin_are_those_of_torch(
    opened: Opened, run_page: str, run_document: Document, values: NDArray[np.float32]
) -> None:
    watched = opened(f"{run_page}#view=channel&layer={LAYER}&channel={CHANNEL}")
    view = watched.page
    view.get_by_text(f"The strongest response of each of {len(run_document.images)} images").wait_for(timeout=30_000)
    mine = values[:, CHANNEL]
    strongest = np.sort(mine.max((1, 2)))[::-1]
    shown = view.get_by_role("list", name="Strongest patches").locator("b").all_inner_texts()
    assert [number(one) for one in shown] == pytest.approx(strongest[:9].tolist(), abs=6e-3)
    weakest = view.get_by_role("list", name="Weakest patches").locator("b").all_inner_texts()
    assert [number(one) for one in weakest] == pytest.approx(strongest[::-1][:9].tolist(), abs=6e-3)
    truths = np.array([one.truth for one in run_document.images])
    rows = [row.split("\t") for row in view.locator(".channel .bars tbody tr").all_inner_texts()]
    assert [number(row[-2]) for row in rows] == pytest.approx(
        [float(mine[truths == int(row[0])].mean()) for row in rows], abs=6e-4
    )
    flat = values.transpose(1, 0, 2, 3).reshape(values.shape[1], -1)
    alike = np.array(np.corrcoef(flat))[CHANNEL]
    alike[CHANNEL] = -2
    twin = int(alike.argmax())
    assert f"Most alike is channel {twin}, correlation +{alike[twin]:.2f}" in verdict(view)
    assert watched.said == []


def verdict(view: Any) -> str:
    return str(view.locator(".verdict").inner_text())


def test_patches_are_as_large_as_the_unit_sees(opened: Opened, run_page: str, run_document: Document) -> None:
    view = opened(f"{run_page}#view=channel&layer={LAYER}&channel={CHANNEL}").page
    view.get_by_text("A click lights it up").wait_for(timeout=30_000)
    field = next(one for one in run_document.net.layers if one.name == LAYER).rf[0]
    sizes = view.locator(".patches canvas").evaluate_all("all => all.map(one => Math.max(one.width, one.height))")
    assert max(sizes) == field.size  # less at the border, where a part is padding
    view.get_by_role("list", name="Strongest patches").get_by_role("button").first.press("Enter")
    view.get_by_role("heading", name="Is the receptive field large enough").wait_for(timeout=5000)


def test_removing_a_channel_is_measured(opened: Opened, run_page: str, run_document: Document, short_run: Run) -> None:
    model = model_of(short_run)
    x = given(short_run, run_document)
    norm = [one.name for one in run_document.net.layers].index("relu1") - 1
    with torch.no_grad():
        for tensor in (model.state_dict()[f"parts.{norm}.{name}"] for name in ("weight", "bias")):
            tensor[CHANNEL] = 0
        now = model(x).flatten(1).argmax(1).tolist()
    cases = [(one.truth, one.predicted, new) for one, new in zip(run_document.images, now, strict=True)]
    lost = Counter(truth for truth, before, new in cases if truth == before != new)
    won = sum(truth == new != before for truth, before, new in cases)
    view = opened(f"{run_page}#view=channel&layer=relu1&channel={CHANNEL}").page
    found = view.locator(".removed [role=status]")
    found.wait_for(timeout=30_000)
    right = sum(truth == before for truth, before, _ in cases)
    assert found.inner_text().startswith(f"{lost.total()} of the {right} correctly classified images")
    assert f"; {won} of {len(cases) - right} misclassified ones become right" in found.inner_text()
    assert lost.total() > 0, "a channel that is worth the test"


def test_the_keyboard_walks_channels_and_layers(opened: Opened, run_page: str) -> None:
    watched = opened(f"{run_page}#view=channel&layer=relu1&channel=0")
    view = watched.page
    channel, layer = view.get_by_role("spinbutton", name="Channel"), view.get_by_role("combobox", name="Layer")
    assert channel.input_value() == "0"
    for key, expected in (
        ("ArrowLeft", ("relu1", "15")),
        ("ArrowRight", ("relu1", "0")),
        ("ArrowDown", ("relu2", "0")),
    ):
        view.keyboard.press(key)
        view.wait_for_function(
            "([layer, channel]) => document.querySelector('.choice select').value === layer"
            " && document.querySelector('.choice input').value === channel",
            arg=list(expected),
        )
    assert layer.input_value() == "relu2"
    assert watched.said == []


def test_health_says_what_the_document_says(opened: Opened, run_page: str, run_document: Document) -> None:
    assert run_document.run is not None
    watched = opened(f"{run_page}#view=health")
    view = watched.page
    rows = view.locator(".health tbody tr")
    for at, one in enumerate(run_document.run.activity):
        cells = [text.strip() for text in rows.nth(at).locator("th, td").all_inner_texts()]
        zero = 1 - float(np.mean(one.positive))
        dead = str(len(one.dead)) if one.dead else "none"
        assert cells[:3] == [one.layer, str(len(one.mean)), dead]
        assert cells[4:6] == [f"{100 * zero:.1f} %", f"{one.rank:.1f}"]
    assert rows.count() == len(run_document.run.activity)
    assert watched.said == []


def test_health_names_the_layer_to_narrow(opened: Opened, run_document: Document, bundle: Any, tmp_path: Any) -> None:
    assert bundle.is_dir()
    assert run_document.run is not None
    first, *others = run_document.run.activity
    sick = msgspec.structs.replace(first, dead=(1, 2), twins=((3, 4), (4, 5), (3, 5)))
    ill = msgspec.structs.replace(run_document.run, activity=(sick, *others))
    path = tmp_path / "ill.html"
    path.write_text(one_file("ill", to_json(msgspec.structs.replace(run_document, run=ill))), encoding="utf-8")
    view = opened(f"{path.as_uri()}#view=health&layer=relu1").page
    assert "2 are dead and 2 repeat another; in relu1, 4 of 16." in verdict(view)
    assert view.locator('.cellstrip [role="option"].dead').count() == 2
    view.keyboard.press("ArrowRight")
    view.keyboard.press("ArrowRight")
    view.get_by_text("Channel 1: dead").wait_for(timeout=5000)
    view.get_by_role("button", name="Narrow conv1 to 12").press("Enter")
    view.get_by_role("heading", name="What if I change it?").wait_for(timeout=5000)


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
@pytest.mark.parametrize("name", ["channel", "health"])
def test_nobody_is_kept_out(opened: Opened, run_page: str, name: str, width: int, scheme: str) -> None:
    watched = opened(f"{run_page}#view={name}", width=width, scheme=scheme)
    watched.page.locator(".verdict").first.wait_for(timeout=30_000)
    watched.page.evaluate("Promise.all(document.getAnimations().map(one => one.finished)).then(() => 0)")
    assert watched.serious() == {}
    assert watched.page.locator(".stage").evaluate("one => one.scrollWidth <= one.clientWidth")
    assert watched.said == []
