"""Reading nets: one module for each vocabulary."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from convscope.core.net import Net
from convscope.errors import FieldError, ModelError, ShapeError
from convscope.frontends import hub, named, text
from convscope.frontends.aside import aside
from convscope.frontends.given import Asked, asked, hinted
from convscope.frontends.kinds import refuse_foreign, suffix_of
from convscope.frontends.others import theirs
from convscope.frontends.paths import file_text, is_path, may_be_path, stdin_text

STDIN = "-"

READERS = {
    ".onnx": "convscope.frontends.onnx",
    ".keras": "convscope.frontends.keras",
    ".h5": "convscope.frontends.keras",
    ".hdf5": "convscope.frontends.keras",
    ".safetensors": "convscope.frontends.weights",
    ".pt": "convscope.frontends.weights",
    ".pth": "convscope.frontends.weights",
    ".pt2": "convscope.frontends.weights",
    ".ckpt": "convscope.frontends.weights",
    ".bin": "convscope.frontends.weights",
    ".jit": "convscope.frontends.weights",
    ".torchscript": "convscope.frontends.weights",
    ".ptl": "convscope.frontends.weights",
    ".pth.tar": "convscope.frontends.weights",
    ".pt.tar": "convscope.frontends.weights",
}
"""The module with ``read_file(path, given)`` for each suffix of a file."""

LIVE = {
    "torch.nn.modules.module.Module": "convscope.frontends.torch",
    "keras.src.models.model.Model": "convscope.frontends.keras",
}
"""The module with ``read_model(model, given)`` for each class of a model."""


def read(source: object, *, input: object = None) -> Net:  # noqa: A002 -- the word of the notation
    """Read a net: the notation itself, a file, a model by name, or a live model.

    Args:
        source: text in the notation; a path (``.cnn``, ``.onnx``, ``.keras``, ``.h5``, the folder of a run); ``-`` for
            standard input; ``hf:OWNER/NAME``, a run on the hub; ``torchvision:NAME``, ``timm:NAME``, ``keras:NAME``,
            ``file.py:FUNCTION`` or ``module:FUNCTION``; a PyTorch module or a Keras model; a net or a run, whose net
            is returned.
        input: size of the input, ``HxWxC``, or a shape or tensor ``n c h w``; overrides the source. A PyTorch module
            needs it. For several inputs, a dict of these by name, in which a number is a constant. ``50xnx40`` gives
            the position of the batch, ``50x40 nobatch`` means that there is none, ``16 int`` that values are integers.

    Raises:
        NotationError: the text is not in the notation, or the file cannot be read.
        ShapeError: a layer does not fit its input.
        FieldError: a setting, or ``input``, has an invalid value.
        ModelError: a model file is damaged, of an unknown kind, or unreadable.
        MissingExtraError: a required package is not installed.

    >>> read("input 28x28x1, conv 16 3x3 relu").output
    (16, 26, 26)
    """
    shape = asked(input)
    held = source if isinstance(source, Net) else getattr(source, "net", None)  # a run has its net
    if isinstance(held, Net):
        if shape:
            raise FieldError("a net has its input already", expected="input for a model or a text")
        return held
    try:
        return _read(source, shape)
    except ShapeError as error:
        raise hinted(error, shape) from None


def _read(source: object, shape: Asked) -> Net:
    if not isinstance(source, str | Path):
        return _live(source, shape)
    if source == STDIN:
        return _text(stdin_text(), "<stdin>", shape)
    if isinstance(source, str) and hub.is_name(source):
        return _read(hub.fetched(source), shape)
    if may_be_path(source):
        refuse_foreign(Path(source), READERS)
    reader = _reader_of(source)
    if reader:
        found: Net = import_module(reader).read_file(Path(source), shape)
        return found
    if isinstance(source, Path) or is_path(source):
        return _text(file_text(Path(source), READERS), str(source), shape)
    if named.is_name(source):
        return _named(source, shape)
    return _text(source, "<text>", shape)


def _text(words: str, source: str, given: Asked) -> Net:
    """Read a net in the notation, at the given sizes."""
    named = {name: one.shape for name, one in given.named.items()}
    return text.read(words, source=source, shape=given.first.shape if given.first else named or None)


def _named(source: str, shape: Asked) -> Net:
    """Read a model by name. It is created on the meta device, unless its code needs values."""
    model, usual = named.model(source)
    if named.is_own(source):  # created with values
        with theirs(f"{source} cannot be read", all_errors=True):
            return _live(model, shape or usual)
    try:
        return _live(model, shape or usual)
    except ShapeError:
        model, usual = named.model(source, numbers=True)
        return _live(model, shape or usual)


def is_weights(source: str) -> bool:
    """Return whether a path has the suffix of a weights file.

    >>> is_weights("net.safetensors"), is_weights("net.cnn")
    (True, False)
    """
    return _reader_of(source) == "convscope.frontends.weights"


def _reader_of(source: str | Path) -> str | None:
    """Return the module that reads files of this suffix."""
    return READERS.get(suffix_of(Path(source).name, READERS)) if may_be_path(source) else None


def _live(model: object, shape: Asked) -> Net:
    """Read a live model, identified by its class so that no framework is loaded."""
    for kind in type(model).__mro__:
        reader = LIVE.get(f"{kind.__module__}.{kind.__qualname__}")
        if reader:
            with aside(), theirs("the model cannot be read"):
                found: Net = import_module(reader).read_model(model, shape)
            return found
    name = getattr(model, "__name__", "") if callable(model) else ""
    raise ModelError(
        f"a net cannot be read from {f'the {name}' if name else type(model).__name__}",
        expected="text, a path, a PyTorch module or a Keras model",
        attempt=f"{name}(), which returns a model" if name else "",
    )
