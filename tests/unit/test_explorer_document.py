"""The document of the explorer says what the table, the memory, the checks and the evaluation say."""

import base64
import hashlib
import json
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import nn

import clock
import convscope as cs
from convscope.checks import check
from convscope.core.axis import Read
from convscope.core.net import Net
from convscope.core.op import REGISTRY
from convscope.errors import ImageError, ModelError, WriteError
from convscope.explorer import document_reads
from convscope.explorer.build import LIMIT, PAGE, document_of, to_json
from convscope.explorer.document import Document
from convscope.explorer.reads import LISTED, Reads, plain
from convscope.training.run import Run

BRANCHES = (
    "input 24x24x3, conv 8 3x3 p1 bn relu, cat( conv 4 1x1 | conv 4 1x1, conv 8 3x3 p1 | maxpool 3 s1 p1 ), "
    "add( conv 20 3x3 p1 bn | id ), relu, up 2, resize 31 bilinear, conv 6 3x3 g2, flatten, linear 10"
)


SMALL = "input 12x12x3, conv 4 3x3 relu, flatten, linear 5"


def expected_pull(read: document_reads.Read, output: int) -> set[int]:
    """What an output reads, by the words of the schema alone."""
    if isinstance(read, document_reads.All):
        return set(range(read.size))
    if isinstance(read, document_reads.Table):
        return set(range(read.first[output], read.last[output] + 1))
    if isinstance(read, document_reads.Blocks):
        run = output // read.run
        first = (run if read.turn is None else run % read.turn) * read.step + read.shift
        return set(range(max(0, first), min(read.size, first + read.width)))
    found = set()
    for tap in range(read.kernel):
        at = read.stride * output - read.lo + read.dilation * tap
        if at % read.up == 0:
            found |= _inside(at // read.up, read)
    return found


def _inside(at: int, read: document_reads.Window) -> set[int]:
    size = read.size
    if read.edge in {"zero", "apart"}:
        return {at} & set(range(size))
    if read.edge == "clamp":
        return {min(max(at, 0), size - 1)}
    if read.edge == "wrap":
        return {at % size}
    folded = abs(at) % max(1, 2 * size - 2)
    return {min(folded, 2 * size - 2 - folded)}


def same_reads(read: Read) -> bool:
    made = plain(read)
    extent = read.relation.extent
    outputs = range(extent) if extent < 200 else [0, 1, 2, extent // 3, extent // 2, extent - 2, extent - 1]
    return all(set(read.relation.pull(np.array([one])).tolist()) == expected_pull(made, one) for one in outputs)


def assert_is_the_table(document: Document, net: Net) -> None:
    """Every number is that of the table and of the memory."""
    table, memory = net.table(), cs.memory(net)
    for layer, row, moment in zip(document.net.layers, table.rows, memory.timeline, strict=True):
        assert (layer.name, layer.text, layer.out) == (row.name, row.op, row.out)
        assert (layer.params, layer.macs, layer.bytes) == (row.params, row.macs, row.activation_bytes)
        assert (layer.name, layer.live) == (moment.node, moment.bytes)
        for mine, axis in zip((*layer.rf, *(layer.gated or layer.rf)), (*row.field, *row.gated), strict=True):
            assert (mine.size, mine.local, mine.start) == (axis.size, axis.local, axis.start)
            assert (mine.exact, mine.seams) == (axis.exact, axis.seams)
            assert (None if mine.stride is None else Fraction(*mine.stride)) == axis.stride
            assert (None if mine.centre is None else Fraction(*mine.centre)) == axis.centre
            assert (mine.phases or ()) == (axis.boxes if axis.phases > 1 else ())
    totals = document.net.totals
    assert (totals.params, totals.macs, totals.bytes) == (table.params.value, table.macs.value, table.activation_bytes)
    assert (document.net.peak.bytes, document.net.peak.layer) == (memory.peak.bytes, memory.peak.node)
    assert [one.what for one in document.checks] == [one.what for one in check(net).findings]
    assert msgspec.json.decode(to_json(document), type=Document) == document


def test_a_net_in_the_notation() -> None:
    net = cs.read(BRANCHES)
    document = document_of(BRANCHES)
    assert_is_the_table(document, net)
    assert document.origin.kind == "notation"
    assert document.notation is not None
    assert cs.read(document.notation) == net
    assert document.left_out == ("The net has no weights.",)
    written = document.net.layers[0].origin
    assert written is not None
    assert (written.line, written.words) == (1, "conv 8 3x3 p1")


def test_resnet_50() -> None:
    net = cs.read("torchvision:resnet50")
    document = document_of(net)
    assert_is_the_table(document, net)
    assert len(document.net.reads) < 100, "each read is there once"
    assert clock.best(lambda: document_of(net), 0.1) < 0.1, "100 ms, its table included"
    assert document.left_out == (
        "The weights are left out: it has 25.6 M parameters, and the page runs nets of up to 2.00 M.",
    )
    place = {one.layer: one for one in document.net.places}
    assert place["layer1.0.conv1"].module == "layer1.0"
    assert (place["layer1.0.downsample.0"].lane, place["layer1.0.conv1"].lane) == (1, 0)
    assert len(document.net.arcs) == 12, "the identities"


def test_a_module_brings_its_weights() -> None:
    torch.manual_seed(0)
    first = nn.Conv2d(1, 4, 3)
    module = nn.Sequential(first, nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3)).eval()
    document = document_of(module, input="8x8x1", title="mine")
    assert_is_the_table(document, cs.read(module, input="8x8x1"))
    assert (document.title, document.origin.kind, document.origin.words) == ("mine", "module", "Sequential")
    assert document.left_out == ()
    weight = document.net.layers[0].weights
    assert weight is not None
    assert np.array_equal(values(document, weight[0]), first.weight.detach().numpy())
    counter = (document.net.layers[1].weights or ())[-1]
    assert (counter.name, counter.blob) == ("num_batches_tracked", None)


def values(document: Document, weight: Any) -> Any:
    content = base64.b64decode(document.blobs[weight.blob])
    assert hashlib.sha256(content).hexdigest() == weight.blob
    return np.frombuffer(content, "<f4" if weight.stored == "float32" else "<f2").reshape(weight.shape)


def test_large_weights_are_rounded_or_left_out() -> None:
    hidden, scores = nn.Linear(64, 1000), nn.Linear(1000, 900)
    module = nn.Sequential(nn.Flatten(), hidden, nn.ReLU(), scores).eval()
    with torch.no_grad():
        hidden.weight[0, 0] = 1e6  # beyond float16
    document = document_of(module, input="8x8x1")
    assert document.left_out == ("The weights are rounded to float16.",)
    first, second = (layer.weights or () for layer in document.net.layers if layer.weights)
    assert (first[0].stored, second[0].stored) == ("float32", "float16")
    assert values(document, first[0])[0, 0] == 1e6
    assert np.allclose(values(document, second[0]), scores.weight.detach().numpy(), rtol=1e-3, atol=1e-6)
    small = document_of(module, input="8x8x1", limit=1_000_000)
    assert "The weights are left out: they take" in small.left_out[0]
    assert small.blobs == {}
    assert len(to_json(document)) < LIMIT


def test_shared_weights_are_there_once_and_used_twice() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(2, 2, 3, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.conv(self.conv(x).relu())  # type: ignore[no-any-return] # torch's own

    document = document_of(Twice().eval(), input="8x8x2")
    first, _, second = document.net.layers
    assert (first.params, second.params) == (38, 0)
    assert (first.shared, second.shared) == (False, True)
    assert [one.blob for one in first.weights or ()] == [one.blob for one in second.weights or ()]
    assert len(document.blobs) == 2
    assert document.notation is None, "the notation cannot say that weights are shared"


def test_an_onnx_file(tmp_path: Path) -> None:
    path = tmp_path / "a net.onnx"
    path.write_bytes(bytes(cs.write(SMALL, to="onnx")))  # type: ignore[arg-type] # not a text
    document = document_of(path)
    assert_is_the_table(document, cs.read(path))
    assert (document.origin.kind, document.origin.words, document.title) == ("onnx", "a net.onnx", "a net.onnx")
    assert str(tmp_path) not in to_json(document).decode()
    assert len(document.blobs) == 4


def test_a_keras_file(tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    path.write_bytes(bytes(cs.write(SMALL, to="keras_model")))  # type: ignore[arg-type] # not a text
    document = document_of(str(path))
    assert_is_the_table(document, cs.read(path))
    assert document.origin.kind == "keras"


def test_a_file_of_weights_has_no_layers(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save({"fc.weight": torch.zeros(2, 2)}, path)
    with pytest.raises(ModelError, match="no layers"):
        document_of(path)


def test_unknown_is_null() -> None:
    document = document_of("input 8x8x1, conv 2 3x3, opaque 2x2x3, conv 4 1x1")
    layer = document.net.layers[1]
    assert (layer.params, layer.macs, layer.weights, layer.hull) == (None, None, None, "unknown")
    assert (document.net.totals.exact, document.net.totals.missing) == (False, ("opaque1",))


def test_every_op_is_said() -> None:
    """All examples of all ops: settings are plain, and reads are exactly those of the net."""
    for made in REGISTRY.values():
        for example in made.examples:
            several = " ".join(f"{'abcd'[at]}: input {_size(shape)}," for at, shape in enumerate(example.inputs))
            paths = " | ".join(f"from {'abcd'[at]}" for at in range(len(example.inputs)))
            text = example.text.partition("(")[0].strip()
            net = cs.read(f"{several} {text}( {paths} )" if made.merges else f"{several} {text}")
            document = document_of(net)
            assert_is_the_table(document, net)
            assert all(same_reads(read) for layer in net for axes in layer.reads for read in axes), example
            assert not any(isinstance(one, document_reads.All) and one.bound for one in document.net.reads)


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, (*shape[1:], shape[0])))


def test_long_tables_are_blocks_or_bounds() -> None:
    (flat,) = cs.read("input 64x64x32, flatten")
    assert all(isinstance(plain(read), document_reads.Blocks) for read in flat.reads[0])
    assert all(same_reads(read) for read in flat.reads[0])
    (large,) = cs.read(f"input 100x1, resize {LISTED + 1} bilinear")
    bound = plain(large.reads[0][1])
    assert isinstance(bound, document_reads.All)
    assert bound.bound
    document = document_of(f"input 100x1, resize {LISTED + 1} bilinear")
    assert "1 long table of reads is given as an upper bound." in document.left_out


def test_equal_reads_are_one() -> None:
    reads = Reads()
    for layer in cs.read("input 8x8x4, 3*( conv 4 3x3 p1 relu )"):
        reads.add(layer.reads[0])
    assert len(reads.found) == 6


HOSTILE = ("</script><script>alert(1)</script>", "\u202eevil", "a\x1b[2J", "\ud800", 'quote"and\\slash', "__proto__")


def test_hostile_names_stay_data() -> None:
    """Names from a file are strings of the JSON, whatever they contain, and are read back as they were."""
    names = [json.dumps(name) for name in HOSTILE]
    text = "input 8x8x1, " + ", ".join(f"{name}: relu" for name in names)
    made = to_json(document_of(text, title=HOSTILE[0]))
    read = json.loads(made)
    assert [layer["name"] for layer in read["net"]["layers"]] == list(HOSTILE)
    assert read["title"] == HOSTILE[0]
    assert b"\x1b" not in made


def test_given_images(tmp_path: Path) -> None:
    picture = np.arange(48, dtype=np.uint8).reshape(3, 4, 4)
    document = document_of("input 4x4x3, conv 2 3x3", images=[picture])
    (image,) = document.images
    assert (image.shape, image.truth, image.predicted, image.number) == ((4, 4, 3), None, None, None)
    assert base64.b64decode(document.blobs[image.blob]) == picture.transpose(1, 2, 0).tobytes()
    with pytest.raises(ImageError, match="uint8"):
        document_of("input 4x4x3, conv 2 3x3", images=[picture.astype(np.float32)])
    with pytest.raises(ImageError, match="not an image"):
        document_of("input 4x4x5, conv 2 3x3", images=[tmp_path / "x.png"])


def test_a_document_above_20_mb_must_be_asked_for() -> None:
    with pytest.raises(WriteError, match="30,000,000 bytes"):
        document_of("input 4x4x3, conv 2 3x3", limit=30_000_000)
    assert document_of("input 4x4x3, conv 2 3x3", limit=30_000_000, large=True).net


def test_a_very_deep_net_says_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    deep = cs.read("input 8x8x4, 500*( conv 4 3x3 same bn relu )")
    document = document_of(deep, limit=1_000_000)
    (told,) = (one for one in document.left_out if one.startswith("The layers alone take"))
    size = int(told.split()[4].replace(",", ""))
    assert PAGE - 1000 < size - len(to_json(document)) < PAGE + 1000, "the room for the page"
    monkeypatch.setattr("convscope.explorer.build.LARGEST", 1_000_000)
    with pytest.raises(WriteError, match="the document would take"):
        document_of(deep, limit=900_000)
    assert document_of(deep, limit=900_000, large=True).net == document.net


@pytest.fixture(scope="module")
def of_run(short_run: Run) -> Document:
    return document_of(short_run.path)


def test_a_run(short_run: Run, of_run: Document) -> None:
    document = of_run
    assert_is_the_table(document, short_run.net)
    run, evaluation = document.run, cs.evaluate(short_run)
    assert run is not None
    assert run.evaluation is not None
    assert run.evaluation.accuracy == evaluation.accuracy == short_run.result.accuracy
    assert run.evaluation.interval == evaluation.interval
    matrix = np.zeros((10, 10), int)
    for true, predicted, count in run.evaluation.confusion:
        matrix[true, predicted] = count
    assert matrix.tolist() == [list(row) for row in evaluation.confusion]
    assert [line.step for line in run.log] == short_run.history["step"]
    assert run.data.counts["test"] == evaluation.count
    assert ("seed", "0") in {(fact.name, fact.value) for fact in run.provenance}
    assert document.classes == short_run.dataset.classes
    assert document.preparation is not None
    assert document.preparation.mean == (short_run.dataset.mean,)
    wrong = sum(image.truth != image.predicted for image in document.images)
    assert wrong >= min(400, evaluation.count - evaluation.hits)
    more = evaluation.count - evaluation.hits > 400
    assert any("misclassified images, the 400 with the highest loss" in told for told in document.left_out) == more
    assert len(to_json(document)) < LIMIT
    assert str(short_run.path.parent) not in to_json(document).decode()


def test_the_images_of_a_run_give_what_it_says_of_them(short_run: Run, of_run: Document) -> None:
    document = of_run
    model = short_run.module()
    pixels = [np.frombuffer(base64.b64decode(document.blobs[one.blob]), np.uint8) for one in document.images]
    batch = torch.from_numpy(np.stack(pixels).reshape(-1, 28, 28, 1).transpose(0, 3, 1, 2).copy())
    with torch.inference_mode():
        chances = model(batch).double().softmax(1)
    for image, row in zip(document.images, chances, strict=True):
        assert image.predicted == int(row.argmax())
        assert math.isclose(image.probability or 0, float(row.max()), rel_tol=1e-4)
        assert math.isclose(image.loss or 0, -math.log(float(row[image.truth or 0])), rel_tol=1e-3, abs_tol=1e-5)


def test_weights_of_a_run_are_those_of_its_module(short_run: Run, of_run: Document) -> None:
    document = of_run
    state = short_run.module(scaled=False).state_dict()
    convs = [weight for layer in document.net.layers for weight in layer.weights or () if len(weight.shape) == 4]
    kept = [value.numpy() for value in state.values() if value.dim() == 4]
    assert convs
    assert all(np.array_equal(values(document, one), other) for one, other in zip(convs, kept, strict=True))
