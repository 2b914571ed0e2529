"""What a table of timings must say about where it was made."""

import platform
from importlib.metadata import PackageNotFoundError, version

from convscope.backends.machine import cores, cpu_flags, cpu_name
from convscope.version import __version__


def machine(*packages: str) -> str:
    """One line: processor, cores, system, versions."""
    parts = [cpu_name(), f"{cores()} cores"]
    parts += [flag for flag in ("avx512_bf16", "amx_bf16", "avx512f", "avx2") if flag in cpu_flags()][:1]
    parts += [platform.system(), f"Python {platform.python_version()}", f"convscope {__version__}"]
    for name in packages:
        try:
            parts.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            parts.append(f"{name} not installed")
    return " · ".join(parts)
