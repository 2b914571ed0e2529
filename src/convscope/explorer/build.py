"""The document of a net, a model, a file or a run."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from convscope.analyze.table import layer_table
from convscope.budget import question
from convscope.core.net import Net
from convscope.core.source import net_of
from convscope.errors import ImageError, RunError, WriteError
from convscope.explorer.blobs import Blobs, Tensors, in_base64
from convscope.explorer.document import SCHEMA, Document, Origin
from convscope.explorer.document_reads import All
from convscope.explorer.images import given, within
from convscope.explorer.of_net import Parts, findings
from convscope.files import is_run
from convscope.frontends import hub, text
from convscope.inert import inert
from convscope.version import __version__
from convscope.view.numbers import count_text
from convscope.writers.weights import stored

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from convscope.analyze.table import LayerTable
    from convscope.explorer.document import Preparation
    from convscope.explorer.document_run import Against, Image
    from convscope.explorer.document_run import Run as RunPart
    from convscope.explorer.images import Shown
    from convscope.training.run import Run

LIMIT, LARGEST = 5_000_000, 20_000_000
"""Size of a document by default, and above which it is only made if asked for [byte]."""

PAGE = 400_000
"""Room that is left for the page around the document [byte]."""

PARAMS, MACS = 2_000_000, 100_000_000
"""The most parameters and multiply-adds of a net that the page runs itself."""

KINDS = {".onnx": "onnx", ".keras": "keras", ".h5": "keras", ".hdf5": "keras"}
"""Kinds of files by suffix."""


@dataclass(frozen=True)
class About:
    """Facts about a net beside its layers.

    Attributes:
        title: for the top of the page.
        kind: as of :class:`Origin`.
        words: as of :class:`Origin`.
        tensors: the weights, by ``layer.tensor``; None without them, and for a net that the page does not run.
        has_weights: whether the source has weights.
        classes: names of the classes.
        preparation: how pixels become the input of the net.
        images: images, the most useful ones first.
        neighbours: training images near to misclassified ones.
        run: the run, if it is one.
        against: the run that it is compared with.
        left_out: what is not there, in sentences.
    """

    title: str
    kind: str
    words: str
    tensors: Mapping[str, NDArray[Any]] | None = None
    has_weights: bool = False
    classes: tuple[str, ...] = ()
    preparation: Preparation | None = None
    images: tuple[Shown, ...] = ()
    neighbours: tuple[Shown, ...] = ()
    run: RunPart | None = None
    against: Against | None = None
    left_out: tuple[str, ...] = field(default=())


def document_of(  # noqa: PLR0913 -- the parameters of the question, all by keyword
    source: object,
    *,
    input: object = None,  # noqa: A002 -- the word of the notation
    against: object = None,
    images: Sequence[str | Path | NDArray[Any]] = (),
    title: str = "",
    limit: int = LIMIT,
    large: bool = False,
) -> Document:
    """Return the document of anything that :func:`convscope.read` takes, or of a run.

    Args:
        source: text in the notation, a path, a model, a net, a run or its folder.
        input: size of the input, for a source that does not state it.
        against: another run or its folder, to compare a run with.
        images: files, or uint8 arrays ``c h w`` of the size that the net takes.
        title: for the top of the page; by default the name of the source.
        limit: size that the document keeps, with room for the page; weights and images are left out for it [byte].
        large: whether the document, and its limit, may be above 20 MB.

    Raises:
        WriteError: the limit or the description of the layers is above 20 MB, and ``large`` is not set.
        RunError: ``against`` is given, and either is not a run.
        ConvscopeError: as for :func:`convscope.read` and :func:`convscope.load_run`; an image cannot be read.

    >>> document_of("input 28x28x1, conv 16 3x3 relu").net.totals.params
    160
    """
    if limit > LARGEST and not large:
        raise WriteError(f"a document of {limit:,} bytes", expected=f"at most {LARGEST:,}", attempt="large=True")
    run, other = run_in(source), run_in(against)
    if against is not None and (run is None or other is None):
        raise RunError("only a run can be compared with a run", expected="the folders of two runs")
    net = net_of(source if run is None else run, input)
    shown = tuple(given(one, net) for one in _several(images))
    with question(layers=len(net)):
        table = layer_table(net)
        about = _about(source, net, table) if run is None else _about_run(run, table, other)
        return _document(net, table, about, shown, title=title, limit=limit, large=large)


def _several(images: Any) -> list[Any]:
    """Return images one by one.

    Raises:
        ImageError: they are not several.
    """
    if isinstance(images, str | Path):
        return [images]
    try:
        return list(images)
    except TypeError:
        expected = "files, or uint8 arrays c h w, in a list"
        raise ImageError(f"images cannot be {inert(type(images).__name__)}", expected=expected) from None


def to_json(document: Document) -> bytes:
    r"""Return the document as JSON; a half of a surrogate pair in a name becomes an escape.

    >>> b"\\ud800" in to_json(document_of('input 4x4x1, "\\ud800": relu'))
    True
    """
    try:
        return msgspec.json.encode(document)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(document), separators=(",", ":"), allow_nan=False).encode()


def run_in(source: object) -> Run | None:
    """Return the run that a source is; None for a net.

    Raises:
        RunError: the folder of a run is damaged.
    """
    from convscope.training.run import Run, load

    if isinstance(source, str) and hub.is_name(source):
        source = hub.fetched(source)
    if isinstance(source, str | Path) and is_run(source):
        return load(source)
    return source if isinstance(source, Run) else None


def _about_run(run: Run, table: LayerTable, other: Run | None) -> About:
    """Return the facts about a run, and about another that it is compared with."""
    from convscope.explorer.against import compared  # they load torch
    from convscope.explorer.of_run import found_in

    found, second = (found_in(run), None) if other is None else compared(run, other)
    return About(
        title=found.run.name,
        kind="run",
        words=f"a run on {found.run.data.name}",
        tensors=None if too_much(table) else found.tensors(),
        has_weights=True,
        classes=run.dataset.classes,
        preparation=found.preparation,
        images=found.images,
        neighbours=found.neighbours,
        run=found.run,
        against=second,
        left_out=found.left_out,
    )


def _about(source: object, net: Net, table: LayerTable) -> About:
    """Return the facts about a source that is not a run."""
    kind, words = _origin(source, net)
    tensors = None if net.tensors is None or too_much(table) else stored(net)
    return About(inert(words), kind, inert(words), tensors, has_weights=net.tensors is not None)


def _origin(source: object, net: Net) -> tuple[str, str]:
    """Return the kind of a source, and the source in words."""
    layers = f"a net of {len(net)} layer{'' if len(net) == 1 else 's'}"
    if isinstance(source, Net):
        return "notation" if any(layer.node.origin for layer in net) else "net", layers
    if isinstance(source, str | Path):
        return _named(str(source), layers)
    keras = any(kind.__module__.startswith("keras.") for kind in type(source).__mro__)
    return "keras" if keras else "module", type(source).__name__


def _named(source: str, layers: str) -> tuple[str, str]:
    """Return kind and words of a text, a path or the name of a model."""
    path = Path(source) if len(source) < 4096 and "\n" not in source else None
    suffix = path.suffix.lower() if path else ""
    if path and suffix in KINDS:
        return KINDS[suffix], path.name
    if path and suffix == ".cnn":
        return "notation", path.name
    library, mark, name = source.partition(":")
    if mark and " " not in source:
        return "keras" if library == "keras" else "module", Path(name if library.endswith(".py") else source).name
    return "notation", layers


def too_much(table: LayerTable) -> str:
    """Say why the page does not run a net; empty if it does."""
    for total, most, unit in ((table.params, PARAMS, "parameters"), (table.macs, MACS, "multiply-adds")):
        if not total.exact:
            return f"the {unit} of {inert(total.missing[0])} are unknown"
        if total.value > most:
            return f"it has {count_text(total.value)} {unit}, and the page runs nets of up to {count_text(most)}"
    return ""


def _document(  # noqa: PLR0913 -- what the document is made of
    net: Net, table: LayerTable, about: About, shown: tuple[Shown, ...], *, title: str, limit: int, large: bool
) -> Document:
    """Put the document together."""
    blobs, left = Blobs(), list(about.left_out)
    held, told = _weights(table, about, blobs, limit - PAGE)
    parts = Parts(net, table, held)
    whole = parts.whole()
    bounds = sum(isinstance(one, All) and one.bound for one in whole.reads)
    left += [told] if told else []
    left += [_told_bounds(bounds)] if bounds else []
    made = Document(
        schema=SCHEMA,
        convscope=__version__,
        title=title or about.title,
        origin=Origin(kind=about.kind, words=about.words),  # type: ignore[arg-type] # one of its words
        notation=_notation(net),
        net=whole,
        checks=findings(net, table),
        classes=about.classes,
        preparation=about.preparation,
        images=(),
        neighbours=(),
        run=about.run,
        against=about.against,
        left_out=(),
        blobs={},
    )
    size = len(to_json(made)) + PAGE + blobs.size
    if size > LARGEST and not large:
        raise WriteError(
            f"the document would take {size:,} bytes", expected=f"at most {LARGEST:,}", attempt="large=True"
        )
    room = limit - size
    images, missing = within((*shown, *about.images), blobs, room)
    left += [missing] if missing else []
    left += [f"The layers alone take {size:,} bytes of the {limit:,} that were asked for."] if size > limit else []
    images, near = _nearest(
        images, about.neighbours, blobs, 0 if missing else room - sum(one.size for one in about.images)
    )
    return msgspec.structs.replace(made, images=images, neighbours=near, left_out=tuple(left), blobs=blobs.encoded())


def _nearest(
    images: tuple[Image, ...], neighbours: tuple[Shown, ...], blobs: Blobs, room: int
) -> tuple[tuple[Image, ...], tuple[Image, ...]]:
    """Return the images and the training images near them: all of these, or none."""
    if sum(one.size for one in neighbours) <= room:
        return images, tuple(one.held(blobs) for one in neighbours)
    return tuple(msgspec.structs.replace(one, near=()) for one in images), ()


def _told_bounds(count: int) -> str:
    return (
        "1 long table of reads is given as an upper bound."
        if count == 1
        else f"{count} long tables of reads are given as upper bounds."
    )


def _weights(table: LayerTable, about: About, blobs: Blobs, room: int) -> tuple[Tensors, str]:
    """Return the tensors that are in the document, and what is left out, in a sentence.

    Values are float32 if they take half of the room at most, else float16 if they fit at all.
    """
    if about.tensors is None:
        reason = too_much(table)
        if not about.has_weights:
            return Tensors(blobs), "The net has no weights."
        return Tensors(blobs), f"The weights are left out: {reason or 'the model was read without their values'}."
    count = sum(one.size for one in about.tensors.values())
    if in_base64(4 * count) <= room / 2:
        return Tensors(blobs, about.tensors), ""
    if in_base64(2 * count) <= room:
        return Tensors(blobs, about.tensors, "float16"), "The weights are rounded to float16."
    told = f"they take {in_base64(2 * count):,} bytes, and {max(0, room):,} are free"
    return Tensors(blobs), f"The weights are left out: {told}."


def _notation(net: Net) -> str | None:
    """Return the net in the notation, if that reads back as this net."""
    own = any(layer.node.own.weights is not None or layer.node.own.macs is not None for layer in net)
    return None if own or net.unused else text.write(net)
