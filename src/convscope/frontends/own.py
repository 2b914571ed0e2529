"""Models from the user's own code: a function or class in a Python file or an importable module."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import sys
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from convscope.errors import ModelError, UnknownNameError, nearest
from convscope.files import read
from convscope.frontends.given import Asked, asked

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST = 2**22
"""Limit for a Python file that is searched for names [byte]."""

MAKER = "a function or class that returns a model when it is called without arguments"


def makers(path: Path) -> list[str]:
    """Return names in a Python file that may create a model: classes and functions without required arguments.

    The file is not run. Functions with usual names come first.
    """
    try:
        tree = ast.parse(read(path, MOST))
    except (OSError, ValueError, SyntaxError, RecursionError):
        return []
    found = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef) and _callable(node)]
    named = [name for name in found if not name.startswith("_")]
    return sorted(named, key=lambda name: not any(word in name.lower() for word in ("make", "build", "create", "net")))


def _callable(node: ast.FunctionDef | ast.ClassDef) -> bool:
    """Return whether it can be called without arguments, judging by the source."""
    if isinstance(node, ast.FunctionDef):
        return len(node.args.args) <= len(node.args.defaults) and None not in node.args.kw_defaults
    made = [one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"]
    return bool(node.bases) and all(len(one.args.args) <= len(one.args.defaults) + 1 for one in made)


def own(head: str, name: str) -> tuple[Any, Asked]:
    """Return the model that ``name`` creates in a file or module ``head``, and its input if it comes with an example.

    A class is called, a model is used as is; a dotted name refers to attributes of classes and modules.

    Raises:
        ModelError: there is no such file or module.
        UnknownNameError: it has no such name.
    """
    path = Path(head)
    if head.endswith(".py"):
        if not path.is_file():
            raise ModelError(f"there is no file {path}")
        with importable(*_roots(path), path.parent, last=(Path(),)):
            return _paired(_made(_executed(path), name, head))
    with importable(Path()):
        return _paired(_made(_imported(head), name, head))


@contextmanager
def importable(*folders: Path, last: tuple[Path, ...] = ()) -> Iterator[None]:
    """Make modules in these folders importable; those in the ``last`` ones have the lowest priority."""
    added = list(dict.fromkeys(str(folder.resolve()) for folder in folders))
    after = [str(folder.resolve()) for folder in last]
    sys.path[:] = [*added, *sys.path, *after]
    importlib.invalidate_caches()  # a file may have been written a moment ago
    try:
        yield
    finally:
        for folder in added:  # one by one: foreign code may have changed the list
            if folder in sys.path:
                sys.path.remove(folder)
        for folder in after:
            if folder in sys.path:
                del sys.path[len(sys.path) - 1 - sys.path[::-1].index(folder)]


def _imported(head: str) -> ModuleType:
    """Import a module by its dotted name."""
    try:
        return importlib.import_module(head)
    except ModuleNotFoundError as error:
        if error.name and (head == error.name or head.startswith(f"{error.name}.")):
            raise ModelError(
                f"there is no module {head}",
                expected="an installed module, or one in the current folder",
            ) from None
        raise


def _folders(path: Path) -> list[Path]:
    """Return the packages that contain a file, outermost first."""
    found: list[Path] = []
    folder = path.resolve().parent
    while (folder / "__init__.py").is_file() and folder.name.isidentifier() and folder != folder.parent:
        found.insert(0, folder)
        folder = folder.parent
    return found


def _roots(path: Path) -> list[Path]:
    """Return the folder from which the package of a file is imported; none for a file outside a package."""
    return [folder.parent for folder in _folders(path)[:1]]


def _executed(path: Path) -> ModuleType:
    """Load a file as a new module. In a package, it gets its full name, so that relative imports work."""
    name = f"{_package(path) or _folder(path)}.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


def _package(path: Path) -> str:
    """Import the package of a file; empty if there is none or it cannot be imported."""
    packages = _folders(path)
    if not packages or not _has_room(packages[0]):
        return ""
    name = ".".join(folder.name for folder in packages)
    try:
        importlib.import_module(name)
    except Exception:  # noqa: BLE001 -- foreign code; the file may not need it
        return ""
    return name


def _folder(path: Path) -> str:
    """Make a package for the folder of a file, so that its neighbours can be imported relatively."""
    folder = path.resolve().parent
    name = f"_folder_{folder.name}"
    sys.modules[name] = ModuleType(name)
    sys.modules[name].__path__ = [str(folder)]
    return name


def _has_room(package: Path) -> bool:
    """Return whether a package can have its name. A user's package imported from elsewhere is removed first.

    Code that holds modules of that package keeps them.
    """
    top = package.name
    before = sys.modules.get(top)
    places = [Path(one).resolve() for one in getattr(before, "__path__", ())]
    if before is None or package in places:
        return True
    if top in sys.stdlib_module_names or any("site-packages" in place.parts for place in places):
        return False
    for name in [name for name in sys.modules if name == top or name.startswith(f"{top}.")]:
        del sys.modules[name]
    return True


def _made(module: ModuleType, name: str, head: str) -> Any:
    """Call a name in a module; a model is used as is."""
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            near = nearest(part, [one for one in dir(found) if not one.startswith("_")])
            attempt = f"{head}:{near}" if near and "." not in name else ""
            raise UnknownNameError(f'{head} has no "{name}"', expected=MAKER, attempt=attempt)
        found = getattr(found, part)
    if _is_model(found) or isinstance(found, tuple):
        return found
    if not callable(found):
        raise ModelError(f"{head}:{name} is of type {type(found).__name__}", expected=MAKER)
    made = found()
    if inspect.iscoroutine(made):
        made.close()  # otherwise Python warns that it is never awaited
        raise ModelError(f"{head}:{name} is a coroutine", expected=MAKER)
    return made


def _is_model(found: object) -> bool:
    return not isinstance(found, type) and (hasattr(found, "forward") or hasattr(found, "get_config"))


def _paired(found: Any) -> tuple[Any, Asked]:
    """Return a model, and the known facts about its input if it comes with an example.

    An example is anything that ``input`` of :func:`convscope.read` accepts; a tuple holds the arguments of ``forward``.
    """
    if not isinstance(found, tuple) or len(found) != 2 or not _is_model(found[0]):
        return found, Asked()
    model, given = found
    if isinstance(given, tuple | list) and given and all(hasattr(one, "shape") for one in given):
        forward: Any = getattr(model, "forward", model)
        names = inspect.signature(forward).parameters
        given = given[0] if len(given) == 1 else dict(zip(names, given, strict=False))
    return model, asked(given)
