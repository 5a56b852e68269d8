"""Linux calls for processes: namespaces, adopting orphans, ending with the parent."""

import ctypes
import os
import signal
import socket
import struct
import sys
from functools import cache
from pathlib import Path
from typing import Final

from nnc_conformance.reference.errors import NNCError

NEW_NETWORK: Final = 0x40000000
"""Flag of `enter` for a network namespace."""
NEW_PROCESSES: Final = 0x20000000 | 0x00020000
"""Flags of `enter` for a process namespace; its own /proc needs a mount namespace, too."""

_CLONE_NEWUSER: Final = 0x10000000
_RESTRICTED_USER_NAMESPACES: Final = "kernel.apparmor_restrict_unprivileged_userns"
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_MS_PRIVATE_ALL: Final = 1 << 18 | 1 << 14
_MS_NOSUID_NODEV_NOEXEC: Final = 2 | 4 | 8
_SIOCGIFFLAGS: Final = 0x8913
_SIOCSIFFLAGS: Final = 0x8914
_IFF_UP: Final = 1


class LinuxRequiredError(NNCError):
    """Decoders can be run on Linux only."""


def require_linux() -> None:
    """Raise `LinuxRequiredError` if this system lacks what running a decoder needs."""
    try:
        import fcntl
        import resource
    except ImportError as error:
        raise LinuxRequiredError(f"running decoders needs Linux: this Python has no module {error.name!r}") from None
    del fcntl, resource
    if sys.platform != "linux":
        raise LinuxRequiredError(f"running decoders needs Linux; this system is {sys.platform}")
    if not Path("/proc/self/stat").exists():
        raise LinuxRequiredError("running decoders needs Linux with /proc; it is not mounted here")


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> None:
    """Raise `OSError` if a call of the C library failed."""
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def become_subreaper() -> None:
    """Adopt the orphans among this process's descendants, whatever session they moved to."""
    _libc().prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent(parent: int, by: signal.Signals) -> None:
    """Have this process receive the signal ``by`` when its parent ends.

    If the parent has ended already, this process ends.
    Call it in a child just forked from process ``parent``, which has one thread.
    """
    _libc().prctl(_PR_SET_PDEATHSIG, by, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def enter(namespaces: int) -> None:
    """Move this process into new namespaces; raise `OSError`.

    `NEW_PROCESSES` takes effect for its children only. Call it while the process has one thread:
    without privileges it needs a user namespace, too.
    """
    if not namespaces:
        return
    libc = _libc()
    uid, gid = os.geteuid(), os.getegid()
    if libc.unshare(namespaces) != 0:
        _check(libc.unshare(_CLONE_NEWUSER | namespaces))
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    if namespaces & NEW_NETWORK:
        _enable_loopback()


def restriction() -> str:
    """Return the AppArmor setting that restricts user namespaces, in brackets.

    Ubuntu has it from 24.04 on. Return "" if nothing restricts them.
    """
    try:
        restricted = Path(f"/proc/sys/{_RESTRICTED_USER_NAMESPACES.replace('.', '/')}").read_text().strip()
    except OSError:
        return ""
    return f" ({_RESTRICTED_USER_NAMESPACES} is {restricted})" if restricted not in ("", "0") else ""


def _enable_loopback() -> None:
    """Bring up the loopback interface of this process's network namespace."""
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        name, flags = struct.unpack("16sh", fcntl.ioctl(probe, _SIOCGIFFLAGS, struct.pack("16sh", b"lo", 0)))
        fcntl.ioctl(probe, _SIOCSIFFLAGS, struct.pack("16sh", name, flags | _IFF_UP))


def mount_proc() -> None:
    """Mount a /proc of the process namespace whose first process this is, visible there only.

    Raises `OSError`.
    """
    libc = _libc()
    _check(libc.mount(None, b"/", None, _MS_PRIVATE_ALL, None))
    _check(libc.mount(b"proc", b"/proc", b"proc", _MS_NOSUID_NODEV_NOEXEC, None))


def process_namespace() -> int:
    """Return the number of this process's process namespace; 0 if the kernel has none."""
    try:
        return Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return 0
