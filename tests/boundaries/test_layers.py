"""Imports run one way, and heavy ones stay where they belong."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "convscope"
RULES = tomllib.loads((Path(__file__).parent / "layers.toml").read_text(encoding="utf-8"))
FREE = {"errors", "extras", "inert", "version"}


def imports(tree: ast.Module) -> Iterator[tuple[str, bool]]:
    """Each imported module, and whether the import stands inside a function or is for types only."""

    def walk(node: ast.AST, *, inside: bool) -> Iterator[tuple[str, bool]]:
        if isinstance(node, ast.Import):
            yield from ((alias.name, inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{a.name}" for a in node.names] if node.module == "convscope" else [node.module]
            yield from ((name, inside) for name in names)
        types_only = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        within = inside or types_only or isinstance(node, ast.FunctionDef)
        for child in ast.iter_child_nodes(node):
            yield from walk(child, inside=within)

    return walk(tree, inside=False)


def layer_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def broken_rules(layer: str, tree: ast.Module, part: str = "") -> list[str]:
    """What a file of a layer imports against the rules; ``part`` is the package inside of the layer, ``layer/part``."""
    found = []
    for module, inside in imports(tree):
        top, *rest = module.split(".")
        if top == "convscope" and rest:
            allowed = {
                layer,
                *FREE,
                *RULES["layers"][layer],
                *(RULES["inside_functions"].get(layer, []) if inside else []),
            }
            if rest[0] not in allowed:
                found.append(f"{layer} imports {module}")
        elif top in RULES["heavy"] and not {layer, part} & set(RULES["heavy"][top]):
            found.append(f"{part or layer} imports {top}")
    return found


FILES = sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(SOURCE)) for path in FILES])
def test_layers(path: Path) -> None:
    part = "/".join(path.relative_to(SOURCE).parts[:2])
    assert broken_rules(layer_of(path), ast.parse(path.read_text(encoding="utf-8")), part) == []


@pytest.mark.parametrize(
    ("layer", "code"),
    [
        ("core", "from convscope.ops.conv import Conv"),
        ("core", "from convscope.analyze import field"),
        ("core", "def f():\n    from convscope.training import loop"),
        ("ops", "from convscope import analyze"),
        ("analyze", "import torch"),
        ("frontends", "import onnx"),
        ("cli", "def f():\n    import torch"),
        ("view", "import convscope.core.net"),
        ("frontends", "import torch"),
    ],
)
def test_planted_imports_are_found(layer: str, code: str) -> None:
    assert broken_rules(layer, ast.parse(code))


def test_layers_are_in_order() -> None:
    seen: set[str] = set()
    for layer, allowed in RULES["layers"].items():
        assert set(allowed) <= seen, layer
        seen.add(layer)
    assert {layer_of(path) for path in FILES} == seen


HEAVY = ("torch", "onnx", "keras", "PIL", "resvg_py", "safetensors", "pandas", "starlette", "uvicorn", "anywidget")


def loaded_by(code: str) -> set[str]:
    """Which heavy libraries a fresh interpreter has loaded after ``code``."""
    report = f"{code}\nimport sys\nprint('LOADED', *[m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split("LOADED")[1].split())


LIGHT = {
    "import": "import convscope",
    "help": "from convscope.cli import run; assert run(['--help']) == 0",
    "table": "from convscope.cli import run; assert run(['table', 'input 8x8x1, conv 4 3x3']) == 0",
    "depth": "from convscope.cli import run; assert run(['depth', '28']) == 0",
    "field": "from convscope.cli import run; assert run(['field', 'input 8x8x1, conv 4 3x3']) == 0",
    "memory": "from convscope.cli import run; assert run(['memory', 'input 8x8x1, conv 4 3x3']) == 0",
    "check": "from convscope.cli import run; assert run(['check', 'input 8x8x1, conv 4 3x3']) == 0",
    "compare": "from convscope.cli import run; assert run(['compare', 'input 8x8x1, relu', 'input 8x8x1, tanh']) == 0",
    "write": "from convscope.cli import run; assert run(['write', 'input 8x8x1, conv 4 3x3', '--to', 'torch']) == 0",
    "activations": "from convscope.cli import run; assert run(['activations']) == 0",
    "draw": "from convscope.cli import run; assert run(['draw', 'input 8x8x1, conv 4 3x3']) == 0",
    "document": "from convscope.explorer.build import document_of; document_of('input 8x8x1, conv 4 3x3')",
    "look": "from convscope.cli import run; assert run(['look', '--help']) == 0",
    "explore": "import convscope as cs; assert str(cs.explore('input 8x8x1, conv 4 3x3'))",
    "plan": "from convscope.cli import run; assert run(['train', '--dry-run']) == 0",
    "data": "from convscope.data import DATASETS, load; load(DATASETS['mnist'], 'test')",
}


@pytest.mark.parametrize("code", LIGHT.values(), ids=LIGHT)
def test_light_commands_load_nothing_heavy(code: str) -> None:
    assert loaded_by(code) == set()


def test_a_planted_heavy_import_is_found() -> None:
    assert "torch" in loaded_by("import convscope.backends.torch")
