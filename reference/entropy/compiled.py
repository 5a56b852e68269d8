"""The one place that compiles kernels, and that decides where their machine code is kept.

Numba's own cache looks at a function's own file only: an edited callee or table would go on running old machine code.
So the cache's folder is named by a hash of all sources of the packages with kernels and of whatever else the machine code depends on.
"""

import fcntl
import hashlib
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import numba
import numpy as np

Function = TypeVar("Function", bound=Callable[..., Any])

_CONFIG: Final[Any] = numba.config
_NJIT: Final[Any] = numba.njit

_KERNEL_PACKAGES: Final = ("entropy", "quantization")
"""Folders of `reference` whose functions are compiled."""


def source_key() -> str:
    """16 hexadecimal digits for all sources that hold kernels, the versions of Python, NumPy and Numba, and Numba's bounds-check switch."""
    setting = (platform.python_implementation(), sys.version_info, np.__version__, numba.__version__, _CONFIG.BOUNDSCHECK)
    digest = hashlib.sha256(repr(setting).encode())
    for package in _KERNEL_PACKAGES:
        for source in sorted((Path(__file__).parents[1] / package).glob("*.py")):
            digest.update(f"{package}/{source.name}\0{source.stat().st_size}\0".encode())
            digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _cache_root() -> Path:
    """$NNC_CACHE_DIR, else nnc-conformance in the user's cache folder; raises `RuntimeError` where there is no home."""
    if chosen := os.environ.get("NNC_CACHE_DIR"):
        return Path(chosen)
    user = os.environ.get("XDG_CACHE_HOME")
    return (Path(user) if user else Path.home() / ".cache") / "nnc-conformance"


def _writable_cache_folder() -> Path | None:
    """The folder of this state of the sources, made if need be; None, and one line on stderr, when it cannot be written."""
    try:
        folder = _cache_root() / f"kernels-{source_key()}"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError) as error:
        print(f"nnc-conformance: compiled code is not kept, every start compiles anew: {error}", file=sys.stderr)
        return None


_FOLDER: Final = None if _CONFIG.DISABLE_JIT else _writable_cache_folder()


def _alone(folder: Path, function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` run by one process at a time: an overload's index and data are two files, which processes that compile would mix up."""

    def locked(*arguments: Any) -> Any:
        with (folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            return function(*arguments)

    return locked


def kernel(function: Function) -> Function:
    """Compiles a function at its first call, free of the interpreter lock and cached; under NUMBA_DISABLE_JIT=1 it stays as it is.

    Kernels work on the arrays that their caller holds and allocate none, so Numba's reference counting is off: it would cost twenty times
    the work, at every access to an array in a tuple.
    """
    compiled = _NJIT(nogil=True, error_model="numpy", _nrt=False)(function)
    if _FOLDER is not None:
        elsewhere = _CONFIG.CACHE_DIR
        _CONFIG.CACHE_DIR = str(_FOLDER)
        try:
            compiled.enable_caching()
        finally:
            _CONFIG.CACHE_DIR = elsewhere
        cache = compiled._cache
        cache.load_overload = _alone(_FOLDER, cache.load_overload)
        cache.save_overload = _alone(_FOLDER, cache.save_overload)
    return cast(Function, compiled)
