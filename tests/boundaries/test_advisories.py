"""No lower bound admits a release with a fault that the list of advisories has."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def told(*files: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "advisories", *files], capture_output=True, text=True, check=False
    )
    assert not done.stderr
    return done.returncode, done.stdout


def test_our_bounds_admit_no_known_fault() -> None:
    status, said = told()
    assert status == 0, said
    assert "bounds against" in said


@pytest.mark.parametrize(
    ("package", "fault"),
    [
        ("filelock>=3.16", "CVE-2025-68146"),
        ("filelock>=4.2", "CVE-2026-112909"),
        ("Pillow>=11.1", "CVE-2026-25990"),
        ("protobuf", "CVE-2026-0994"),
        ("protobuf>=6.33.4", "CVE-2026-0994"),
        ("torch>=2.10", "CVE-2026-4538"),
        ("onnx>=1.20.1,<2", "CVE-2026-27489"),
    ],
)
def test_a_bound_that_is_too_low_is_found(tmp_path: Path, package: str, fault: str) -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(
        text.replace('"numpy>=2.0",', f'"numpy>=2.0", "{package}",', 1), encoding="utf-8"
    )
    status, said = told(tmp_path / "pyproject.toml")
    assert status == 1
    assert fault in said
    assert "(dependencies)" in said


def test_the_newest_of_each_series_is_admitted(tmp_path: Path) -> None:
    text = '[project]\ndependencies = ["protobuf>=5.29.6", "pillow>=13.0.0", "filelock>=4.2.1"]\n'
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    assert told(tmp_path / "pyproject.toml")[0] == 0
