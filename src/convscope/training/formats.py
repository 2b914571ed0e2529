"""The formats that a run can be exported to: a literal list, read without torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from convscope.errors import FieldError, unknown


@dataclass(frozen=True)
class Format:
    """One export format, with its suffix."""

    name: str
    suffix: str


FORMATS = {
    form.name: form
    for form in (Format("onnx", ".onnx"), Format("torch-export", ".pt2"), Format("safetensors", ".safetensors"))
}
"""Every format by name."""


def format_of(name: str | None, file: str | None) -> Format:
    """Return the format with this name or, without a name, that of the file's suffix.

    Raises:
        UnknownNameError: there is no format of that name.
        FieldError: neither name nor suffix is given.

    >>> format_of(None, "digits.pt2").name
    'torch-export'
    """
    if name is not None:
        if name not in FORMATS:
            raise unknown("form", name, FORMATS)
        return FORMATS[name]
    suffix = Path(file or "").suffix.lower()
    for form in FORMATS.values():
        if form.suffix == suffix:
            return form
    raise FieldError(
        "no export format was given" if file is None else f'"{file}" does not name an export format',
        expected=f"--to {', '.join(FORMATS)}, or a FILE ending in {', '.join(one.suffix for one in FORMATS.values())}",
    )
