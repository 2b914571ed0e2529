"""The files that a run can be brought out as: a literal list, read without torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from convscope.errors import FieldError, unknown


@dataclass(frozen=True)
class Form:
    """One kind of file, with the ending of its name."""

    name: str
    suffix: str


FORMS = {
    form.name: form
    for form in (Form("onnx", ".onnx"), Form("torch-export", ".pt2"), Form("safetensors", ".safetensors"))
}
"""Every form by name."""


def form_of(name: str | None, file: str | None) -> Form:
    """The form of a name or, where there is none, of a file's name.

    Raises:
        UnknownNameError: there is no form of that name.
        FieldError: neither says which.

    >>> form_of(None, "digits.pt2").name
    'torch-export'
    """
    if name is not None:
        if name not in FORMS:
            raise unknown("form", name, FORMS)
        return FORMS[name]
    suffix = Path(file or "").suffix.lower()
    for form in FORMS.values():
        if form.suffix == suffix:
            return form
    raise FieldError(
        "no form is given" if file is None else f'"{file}" does not say which form it is to have',
        expected=f"--to {', '.join(FORMS)}, or a FILE that ends in {', '.join(form.suffix for form in FORMS.values())}",
    )
