"""The lessons are right: what they show exists, and what they state is what the analyses compute."""

import base64
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import convscope as cs
from convscope.cli import run as command
from convscope.data import DATASETS
from convscope.data import load as load_data
from convscope.errors import UnknownNameError
from convscope.explorer.document_lesson import Choice, Numeric, Reach, Step, Visit
from convscope.explorer.lesson import FOLDER, NAMES, Prepared, document_of_lesson, load

Grid = NDArray[np.float64]

STEP7 = np.tile(np.array([0, 0, 0, 10, 10, 10, 10.0]), (7, 1))
EDGE = np.tile(np.array([-1, 0, 1.0]), (3, 1))
VIEWS = {"map", "bench", "reach", "micro", "channel", "health", "mistakes", "runs"}
KEYS = {"view", "layer", "channel", "unit", "image", "class", "cost", "open", "object", "edit", "kernel"}


def slid(image: Grid, kernel: Grid) -> Grid:
    """Cross-correlation without padding."""
    patches = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    sums: Grid = (patches * kernel).sum((2, 3))
    return sums


@pytest.fixture(params=NAMES)
def prepared(request: pytest.FixtureRequest) -> Prepared:
    return load(request.param)


def net_of(prepared: Prepared, step: Step) -> cs.Net:
    return cs.read(step.show.get("edit", prepared.net))


def test_every_file_is_listed() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(NAMES)
    assert all(load(name).lesson.name == name for name in NAMES)


def test_an_unknown_lesson_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match='"kernels" is not a lesson') as caught:
        load("kernels")
    assert caught.value.attempt == "kernel"


def test_every_step_shows_what_exists(prepared: Prepared) -> None:
    for step in prepared.lesson.steps:
        assert set(step.show) <= KEYS
        assert step.show["view"] in VIEWS
        net = net_of(prepared, step)
        if "layer" in step.show:
            height, width = (*net[step.show["layer"]].output[1:], 1, 1)[:2]
            y, x = map(int, step.show.get("unit", "0,0").split(","))
            assert 0 <= y < height
            assert 0 <= x < width
        assert int(step.show.get("image", "0")) < max(1, len(prepared.images))
        assert len(step.read.split()) <= 60
        assert bool(step.cover) == (step.predict is not None)


def test_every_step_can_be_done(prepared: Prepared) -> None:
    for step in prepared.lesson.steps:
        if isinstance(step.do, Visit) and step.do.key == "layer":
            assert {net_of(prepared, step)[name].node.name for name in step.do.values} == set(step.do.values)
        if isinstance(step.do, Visit) and step.do.key == "unit":
            height, width = net_of(prepared, step)[step.show["layer"]].output[1:]
            assert all(int(at.split(",")[0]) < height and int(at.split(",")[1]) < width for at in step.do.values)


def test_a_wrong_answer_with_a_hint_is_wrong(prepared: Prepared) -> None:
    question = prepared.lesson.question
    asked = [question, *(step.predict for step in prepared.lesson.steps if step.predict)]
    for one in asked:
        if isinstance(one, Numeric):
            assert all(abs(float(given) - one.right) > one.within for given in one.hints)
        if isinstance(one, Choice):
            assert 0 <= one.right < len(one.options)
            assert str(one.right) not in one.hints


def test_the_sums_of_the_first_lesson() -> None:
    assert slid(STEP7, EDGE)[0].tolist() == [0, 30, 30, 0, 0]
    assert slid(STEP7, -EDGE)[0].tolist() == [0, -30, -30, 0, 0]  # turned by half a circle
    assert slid(STEP7, np.full((3, 3), 1 / 9))[0].round(2).tolist() == [0, 3.33, 6.67, 10, 10]
    sharpen = np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0.0]])
    assert slid(STEP7, sharpen)[0].tolist() == [0, -10, 20, 10, 10]
    digit = np.asarray(load_data(DATASETS["mnist"], "test").images[0], dtype=float).reshape(28, 28)
    assert slid(digit, np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1.0]]))[24, 9] == 1004
    table = cs.read("input 28x28x1, conv 1 3x3").table()
    assert (table.macs.value, table.params.value, table.rows[-1].out) == (6084, 10, (1, 26, 26))


@pytest.mark.parametrize(
    ("text", "params", "macs"),
    [
        ("input 5x5x1, conv 1 5x5 nobias", 25, 25),
        ("input 5x5x1, conv 1 3x3 nobias, conv 1 3x3 nobias", 18, 90),
        ("input 28x28x1, conv 1 5x5 nobias", 25, 14400),
        ("input 28x28x1, conv 1 3x3 nobias, conv 1 3x3 nobias", 18, 11268),
        ("input 10x10x1, conv 1 5x5 nobias", 25, 900),
        ("input 10x10x1, conv 1 3x3 nobias, conv 1 3x3 nobias", 18, 900),
        ("input 7x7x1, 3*( conv 1 3x3 nobias )", 27, 315),
        ("input 28x28x64, 3*( conv 64 3x3 nobias )", 110592, 63995904),
        ("input 28x28x64, conv 64 7x7 nobias", 200704, 97140736),
        ("input 28x28x1, 10*( conv 32 3x3 nobias )", 83232, 23640192),
        ("input 28x28x1, 2*( 2*( conv 32 3x3 nobias ), maxpool 2 ), conv 32 3x3 nobias", 37152, 7051392),
    ],
)
def test_the_costs_of_the_lessons(text: str, params: int, macs: int) -> None:
    table = cs.read(text).table()
    assert (table.params.value, table.macs.value) == (params, macs)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("input 28x28x1, 5*( conv 32 3x3 nobias ), maxpool 2", [3, 5, 7, 9, 11, 12]),
        ("input 28x28x1, 2*( conv 32 3x3 nobias ), maxpool 2, 3*( conv 32 3x3 nobias )", [3, 5, 6, 10, 14, 18]),
        ("input 28x28x1, conv 8 3x3, conv 8 3x3, maxpool 2, conv 8 3x3", [3, 5, 6, 10]),
    ],
)
def test_the_fields_of_the_lessons(text: str, fields: list[int]) -> None:
    assert [row.field[0].size for row in cs.read(text).table().rows] == fields


def test_the_tasks_of_the_lessons_are_not_done_at_the_start() -> None:
    step = load("field").lesson.steps[-1]
    assert isinstance(step.do, Reach)
    assert step.do.field == 20
    assert cs.read(step.show["edit"]).table().rows[-1].field[0].size == 11
    last = cs.read("input 28x28x1, 10*( conv 32 3x3 nobias )").table().rows[-1]
    assert last.field[0].size == 21


def test_the_document_of_a_lesson_holds_its_images_and_the_readers(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.new("RGB", (600, 300), (200, 100, 50)).save(path)
    made = document_of_lesson("kernel", [path])
    assert [one.shape for one in made.images] == [(7, 7, 1), (28, 28, 1), (128, 256, 3)]
    assert made.lesson == load("kernel").lesson
    step = np.frombuffer(base64.b64decode(made.blobs[made.images[0].blob]), np.uint8)
    assert step.reshape(7, 7).tolist() == STEP7.tolist()
    assert made.preparation is not None
    assert (made.preparation.mean, made.preparation.std) == ((0,), (1 / 255,))


def test_a_lesson_from_the_command_line(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del bundle
    page = tmp_path / "lesson.html"
    assert command(["explore", "--lesson", "field", "-o", str(page)]) == 0
    assert "How far does a unit see" in page.read_text(encoding="utf-8")
    capsys.readouterr()
    assert command(["explore", "--lesson", "feild", "-o", str(page)]) == 2
    assert '"feild" is not a lesson' in capsys.readouterr().err
    assert command(["explore", "--lesson", "field", "input 8x8x1, relu", "-o", str(page)]) == 2
    assert "a lesson brings its own nets" in capsys.readouterr().err
