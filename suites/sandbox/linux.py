"""What only the kernel can grant a process: namespaces, adopted orphans, an end with its parent. Elsewhere than on Linux it grants none."""

import ctypes
import fcntl
import os
import signal
import socket
import struct
import sys
from pathlib import Path
from typing import Final

NEW_NETWORK: Final = 0x40000000
NEW_PROCESSES: Final = 0x20000000 | 0x00020000
"""A process namespace needs a mount namespace, for a /proc that shows it."""

_CLONE_NEWUSER: Final = 0x10000000
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_MS_PRIVATE_ALL: Final = 1 << 18 | 1 << 14
_MS_NOSUID_NODEV_NOEXEC: Final = 2 | 4 | 8
_SIOCGIFFLAGS: Final = 0x8913
_SIOCSIFFLAGS: Final = 0x8914
_IFF_UP: Final = 1
_LIBC: Final = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

AVAILABLE: Final = _LIBC is not None


def _granted(result: int) -> None:
    """Raises `OSError` where a call of the C library failed."""
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def become_subreaper() -> bool:
    """Makes orphans of this process's descendants its own children, whatever session they moved to; says whether the system can."""
    return _LIBC is not None and _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def die_with_parent(parent: int, by: signal.Signals = signal.SIGKILL) -> None:
    """Sends this process a signal when its parent, of id ``parent``, ends. For a child just forked; its parent has one thread."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, by, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)


def enter(namespaces: int) -> None:
    """Moves this process into new namespaces: of `NEW_NETWORK`, and its children into one of `NEW_PROCESSES`. Raises `OSError`.

    To be called while the process has one thread: without the right to do so it needs a user namespace, too.
    """
    if _LIBC is None or not namespaces:
        return
    uid, gid = os.geteuid(), os.getegid()
    if _LIBC.unshare(namespaces) != 0:
        _granted(_LIBC.unshare(_CLONE_NEWUSER | namespaces))
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    if namespaces & NEW_NETWORK:
        _raise_loopback()


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        name, flags = struct.unpack("16sh", fcntl.ioctl(probe, _SIOCGIFFLAGS, struct.pack("16sh", b"lo", 0)))
        fcntl.ioctl(probe, _SIOCSIFFLAGS, struct.pack("16sh", name, flags | _IFF_UP))


def mount_proc() -> None:
    """In the first process of a new process namespace: mounts the /proc that shows it, for this namespace alone. Raises `OSError`."""
    assert _LIBC is not None
    _granted(_LIBC.mount(None, b"/", None, _MS_PRIVATE_ALL, None))
    _granted(_LIBC.mount(b"proc", b"/proc", b"proc", _MS_NOSUID_NODEV_NOEXEC, None))


def process_namespace() -> int:
    """Returns the number of the process namespace that this process is in; 0 where there is none."""
    try:
        return Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return 0
