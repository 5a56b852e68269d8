"""Rights of this process that tests take away for a moment."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Capabilities(ctypes.Structure):
    """The first 32 of each set, and the others (capget(2), version 3)."""

    _fields_ = tuple((name + half, ctypes.c_uint32) for half in ("", "_high") for name in ("effective", "permitted", "inheritable"))


CAPABILITY_VERSION_3: Final = 0x20080522
DAC_OVERRIDE: Final = 1 << 1
"""The capability by which root writes where the mode of a folder forbids it."""


@contextmanager
def bound_by_modes() -> Iterator[None]:
    """Let the modes of files and folders bind this thread, also if it is root's.

    Another user could not read this project if it stands in a folder of root.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    header, found = _CapabilityHeader(CAPABILITY_VERSION_3, 0), _Capabilities()
    assert libc.capget(ctypes.byref(header), ctypes.byref(found)) == 0
    before = found.effective
    found.effective &= ~DAC_OVERRIDE
    assert libc.capset(ctypes.byref(header), ctypes.byref(found)) == 0
    try:
        yield
    finally:
        found.effective = before
        assert libc.capset(ctypes.byref(header), ctypes.byref(found)) == 0
