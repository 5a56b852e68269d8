"""Compiles kernels at their first call, and decides where their machine code is kept.

Numba is imported only when a kernel is first compiled: code that reads streams without decoding
values never loads it.

Numba's own cache checks only the file of a function, so an edited callee or table would keep
running old machine code. The cache folder is therefore named by a hash of all sources in the
packages with kernels and of everything else that the machine code depends on.
"""

import hashlib
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, cached_property, update_wrapper
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import numpy as np

Function = TypeVar("Function", bound=Callable[..., Any])

_KERNEL_PACKAGES: Final = ("entropy", "quantization")
"""Folders of `reference` whose functions are compiled."""
_ONE_NOTICE_SECONDS: Final = 120
"""Seconds in which the line about compiling is printed once."""
_INTERPRETED: Final = ContextVar("_INTERPRETED", default=False)
"""Whether kernels run in Python instead of being compiled."""
_IN_USE: Final[list[Any]] = []
"""Numba's dispatchers of all kernels that this process has called."""


def source_key() -> str:
    """Return 16 hexadecimal digits that identify the machine code of all kernels.

    They depend on the sources, the versions of Python, NumPy and Numba, and Numba's bounds checks.
    """
    import numba

    config: Any = numba.config
    setting = (platform.python_implementation(), sys.version_info, np.__version__, numba.__version__, config.BOUNDSCHECK)
    digest = hashlib.sha256(repr(setting).encode())
    for package in _KERNEL_PACKAGES:
        for source in sorted((Path(__file__).parents[1] / package).glob("*.py")):
            digest.update(f"{package}/{source.name}\0{source.stat().st_size}\0".encode())
            digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _cache_root() -> Path:
    """Return $NNC_CACHE_DIR, else nnc-conformance in the user's cache folder.

    Raises:
        RuntimeError: If there is no home folder.
    """
    if chosen := os.environ.get("NNC_CACHE_DIR"):
        return Path(chosen)
    user = os.environ.get("XDG_CACHE_HOME")
    return (Path(user) if user else Path.home() / ".cache") / "nnc-conformance"


@cache
def _cache_folder() -> Path | None:
    """Create the folder for the current sources.

    On failure, print one line on stderr and return None.
    """
    try:
        import fcntl  # noqa: F401

        folder = _cache_root() / f"kernels-{source_key()}"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
        if status.st_uid != os.geteuid() or status.st_mode & 0o022:
            raise OSError(f"others can write to {folder}, and machine code is loaded from there")
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (ImportError, OSError, RuntimeError) as error:
        print(f"nnc-conformance: compiled code is not kept, so every start compiles again: {error}", file=sys.stderr)
        return None


def kernels_kept() -> bool:
    """Return whether compiled kernels of these sources are on disk, or cannot be kept there."""
    folder = _cache_folder()
    return folder is None or any(folder.rglob("*.nbi"))


def compiled_here() -> int:
    """Return how many kernels this process has compiled rather than loaded from the cache."""
    return sum(len(one.signatures) - sum(one.stats.cache_hits.values()) for one in _IN_USE)


def _announced(folder: Path, load: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the function that loads a kernel from the cache to announce compilation.

    It prints one line if a kernel must be compiled. Of the kernels and processes that compile at
    about the same time, only one does.
    """
    marker = folder / "compiling"

    def loaded(*arguments: Any) -> Any:
        """Load a kernel from the cache; print a line if it must be compiled."""
        found = load(*arguments)
        if found is None and not (marker.exists() and time.time() - marker.stat().st_mtime < _ONE_NOTICE_SECONDS):
            marker.touch()
            print(f"nnc-conformance: compiling for the first time, for some 20 seconds; kept in {folder}", file=sys.stderr, flush=True)
        return found

    return loaded


def _locked(folder: Path, function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap ``function`` so that one process runs it at a time.

    An overload has two files, index and data; processes that compile at once would mix them up.
    """
    import fcntl

    def locked(*arguments: Any) -> Any:
        with (folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            return function(*arguments)

    return locked


def _cache_files(folder: Path, function: Callable[..., Any]) -> Any:
    """Create Numba's cache of a function, with file names independent of the source's place.

    Every copy of the same sources shares them: another checkout, or the installed package.
    """
    from numba.core import caching

    class Locator(caching._CacheLocator):
        def __init__(self, source: Path) -> None:
            self._source = source

        @classmethod
        def from_function(cls, _: Callable[..., Any], source: str) -> "Locator":
            return cls(Path(source))

        def get_cache_path(self) -> str:
            return str(folder / self._source.parent.name)

        def get_source_stamp(self) -> str:
            return _digest(self._source)

        def get_disambiguator(self) -> str:
            return str(function.__code__.co_firstlineno)

    reduction = type("Reduction", (caching.CompileResultCacheImpl,), {"_locator_classes": [Locator]})
    return type("FunctionCache", (caching.FunctionCache,), {"_impl_class": reduction})(function)


@cache
def _digest(source: Path) -> str:
    return hashlib.sha256(source.read_bytes()).hexdigest()


class Kernel:
    """A function that Numba compiles at its first call; the same in Python is ``py_func``."""

    def __init__(self, function: Callable[..., Any], *, inline: bool = False) -> None:
        self.py_func = function
        self.inline = inline
        update_wrapper(self, function)

    def __call__(self, *arguments: Any) -> Any:
        """Run the compiled function, or the Python function in an `interpreted` context."""
        return (self.py_func if _INTERPRETED.get() else self.compiled)(*arguments)

    @cached_property
    def compiled(self) -> Callable[..., Any]:
        """The compiled function, free of the interpreter lock and cached on disk.

        Kernels allocate no arrays, so Numba's reference counting is off. It would cost twenty times
        the work of a kernel, at every access to an array in a tuple.
        """
        import numba

        _teach_numba()
        njit, config = cast(Any, numba.njit), cast(Any, numba.config)
        compiled = njit(nogil=True, error_model="numpy", _nrt=False, forceinline=self.inline)(self.py_func)
        folder = None if config.DISABLE_JIT else _cache_folder()
        if folder is not None:
            cache_files = _cache_files(folder, self.py_func)
            cache_files.load_overload = _announced(folder, _locked(folder, cache_files.load_overload))
            cache_files.save_overload = _locked(folder, cache_files.save_overload)
            compiled._cache = cache_files
        _IN_USE.append(compiled)
        return cast(Callable[..., Any], compiled)


@cache
def _teach_numba() -> None:
    """Let compiled kernels call a `Kernel` by its name."""
    from numba import types
    from numba.extending import typeof_impl

    typeof_impl.register(Kernel)(lambda kernel, _: types.Dispatcher(kernel.compiled))


def kernel(function: Function, *, inline: bool = False) -> Function:
    """Make a `Kernel` of a function; under NUMBA_DISABLE_JIT=1 leave it as it is."""
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        return function
    return cast(Function, Kernel(function, inline=inline))


def inlined(function: Function) -> Function:
    """Make a `Kernel` that is compiled into its callers.

    A call would copy all fields of all arrays in a tuple, which can take longer than the work.
    """
    return kernel(function, inline=True)


@contextmanager
def interpreted() -> Iterator[None]:
    """Run kernels in Python within this context, without importing or compiling anything.

    They are about a hundred times slower.
    """
    token = _INTERPRETED.set(True)
    try:
        yield
    finally:
        _INTERPRETED.reset(token)
