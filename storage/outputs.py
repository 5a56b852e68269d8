"""Outputs: the one place that decides how a file is written.

So no command destroys what is there.

- A regular file appears whole or not at all. A new one gets its mode from the umask, an existing
  one keeps mode and owner.
- Symbolic links are followed and stay: the file that they lead to is written, even if it does not
  exist yet.
- Devices, FIFOs and this process's open descriptors (``/dev/stdout``, ``/dev/fd/N``) are written in
  place.
- An output that is also an input, or another output of the same command, is refused.
- Commands check their outputs before they begin to work, so that a mistake costs no time.
"""

import errno
import hashlib
import io
import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

from nnc_conformance.reference.errors import NNCError
from nnc_conformance.storage.inputs import open_flags

STANDARD_OUTPUT: Final = Path("/dev/stdout")
"""The path that stands for standard output, whatever the platform."""

_LONGEST: Final = 200
"""Bytes of a file name that leave room for the prefix and suffix of a temporary name, where 255 are
the most.
"""
_MOST_LINKS: Final = 40
"""Symbolic links in a row, as Linux limits them."""
_STANDARD: Final = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
_DESCRIPTOR: Final = re.compile(r"/(?:dev|proc/(?:self|thread-self|([0-9]+)))/fd/([0-9]{1,9})")


class OutputError(NNCError):
    """An output that cannot be written without losing something."""


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path``.

    On failure raise `OSError` with the path, and leave a regular file as it was.

    The new content is written to ``.NAME.new`` in the same folder, synced and renamed. A temporary
    file that a killed writer left is replaced by the next one; two writers take turns.
    """
    with staged(path, data) as put_in_place:
        put_in_place()


@contextmanager
def staged(path: Path, data: bytes, *, private: bool = False) -> Iterator[Callable[[], None]]:
    """Write a file next to its place; the given function puts it there.

    Outputs that belong together are staged first, so that a full disk leaves all of them as they
    were. Devices and open descriptors are written only by the function.

    Args:
        path: The output.
        data: Its content.
        private: Whether it gets mode 0600, whatever the umask and the old file's mode.
    """
    with _named(path):
        target, old = _followed(path), _status(path)
    if isinstance(target, int):
        yield partial(_write_to_descriptor, path, target, data)
    elif old is not None and not stat.S_ISREG(old.st_mode):
        yield partial(_write_in_place, path, data)
    else:
        with _temporary(path, target, data, old, private=private) as put_in_place:
            yield put_in_place


def write_text(path: Path, text: str) -> None:
    """Write ``text`` in UTF-8 by `write_bytes`."""
    write_bytes(path, text.encode())


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Write files that belong together by `staged`.

    A full disk leaves all of them as they were.
    """
    with ExitStack() as stack:
        for put_in_place in [stack.enter_context(staged(path, data)) for path, data in contents.items()]:
            put_in_place()


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Write ``files`` by their relative paths into a folder, which must be missing or empty.

    The folder appears whole or not at all. Raises `OutputError` for a path that is taken, and
    `OSError`.
    """
    check_new_folder(path)
    target, old = _followed(path), _status(path)
    assert isinstance(target, Path)
    scratch = target.parent / _temporary_name(target.name)
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        with _named(path):
            scratch.mkdir(parents=True)
            for name, data in files.items():
                (scratch / name).parent.mkdir(parents=True, exist_ok=True)
                write_bytes(scratch / name, data)
            if old is not None:
                scratch.chmod(stat.S_IMODE(old.st_mode))
            scratch.replace(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def is_standard_output(path: Path) -> bool:
    """Return whether a path leads to standard output of this process."""
    return _followed(path) == _STANDARD[os.fspath(STANDARD_OUTPUT)]


def is_regular(path: Path) -> bool:
    """Return whether a path leads to a regular file or to nothing yet.

    Then files can be named after it.
    """
    status = _status(path)
    return not isinstance(_followed(path), int) and (status is None or stat.S_ISREG(status.st_mode))


def check_outputs(paths: Iterable[Path], inputs: Iterable[Path] = (), *, folder: Path | None = None, names: Iterable[str] = ()) -> None:
    """Raise, before work begins, if an output cannot be written.

    Raise also if it is an input, or named twice.

    Args:
        paths: The files that a command is going to write.
        inputs: Files and folders that it reads.
        folder: A folder that it is going to make, if missing, before it writes.
        names: Files that it is going to write there.

    Raises:
        OutputError: Something would be lost, or there is no place for a file.
        OSError: A file may not be written, or standard output is closed.
    """
    if folder is not None:
        _refuse_no_folder(folder)
    written, read = [*paths, *(folder / name for name in names if folder is not None)], list(inputs)
    for path in written:
        _refuse_unwritable(path, made=folder)
        refuse_inputs(path, read)
    _refuse_shared(written)


def check_new_folder(path: Path) -> None:
    """Raise, before work begins, if `write_folder` cannot make a folder there."""
    if isinstance(_followed(path), int):
        raise OutputError(f"{path} cannot become a folder; name a new one")
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise OutputError(f"{path} exists and is not an empty folder; name a new one")
    _refuse_no_folder(path)


def _refuse_unwritable(path: Path, *, made: Path | None) -> None:
    """Raise what `write_bytes` would raise for a path, as far as that shows before writing.

    The folder ``made`` is going to exist.
    """
    with _named(path):
        target, old = _followed(path), _status(path)
        if isinstance(target, int):
            _refuse_closed(target)
            return
        if old is not None and stat.S_ISDIR(old.st_mode):
            raise OutputError(f"{path} is a folder; name a file")
        if old is not None:
            _refuse_forbidden(target, os.W_OK)
        if old is None or stat.S_ISREG(old.st_mode):
            folder = target.parent
            if folder.exists() and not folder.is_dir():
                raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            if folder.exists():
                _refuse_forbidden(folder, os.W_OK | os.X_OK)
            elif made is None or folder.resolve() != made.resolve():
                raise OutputError(f"{path}: {os.strerror(errno.ENOENT)}; make the folder {folder}, or name another output")


def _refuse_no_folder(folder: Path) -> None:
    """Raise what making a folder with its parents, and files in it, would raise."""
    with _named(folder):
        if isinstance(_followed(folder), int):
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if folder.is_symlink() and not folder.exists():
            raise OutputError(f"{folder} is a link that leads nowhere; name a new folder")
        nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        if not nearest.is_dir():
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        _refuse_forbidden(nearest, os.W_OK | os.X_OK)


def _refuse_forbidden(path: Path, rights: int) -> None:
    """Raise `OSError` without these rights to a path, or on a read-only file system."""
    effective = os.access in os.supports_effective_ids
    if os.access(path, rights, effective_ids=effective):
        return
    read_only = hasattr(os, "statvfs") and os.statvfs(path).f_flag & os.ST_RDONLY
    number = errno.EROFS if read_only else errno.EACCES
    raise OSError(number, os.strerror(number))


def _refuse_closed(number: int) -> None:
    """Raise `OSError` if a descriptor of this process is closed or was never open."""
    if number == _STANDARD[os.fspath(STANDARD_OUTPUT)] and sys.__stdout__ is None:
        raise OSError(errno.EBADF, "standard output is closed")
    os.fstat(number)


def refuse_inputs(output: Path, inputs: Iterable[Path]) -> None:
    """Raise `OutputError` if writing ``output`` would overwrite one of ``inputs``.

    A file inside an input folder counts, too.

    Files are compared, not names: links, hard links and other spellings of a path are seen through.
    """
    written = _status(output)
    if written is None or not stat.S_ISREG(written.st_mode):
        return
    for path in inputs:
        read = _status(path)
        if read is None:
            continue
        inside = stat.S_ISDIR(read.st_mode) and output.resolve().is_relative_to(path.resolve())
        if inside or os.path.samestat(written, read):
            raise OutputError(f"{output} is {'part of' if inside else 'the same file as'} the input {path}; choose another output")


def _refuse_shared(outputs: Iterable[Path]) -> None:
    """Raise `OutputError` if two outputs lead to one place.

    Devices such as ``/dev/null`` may be shared.
    """
    taken: dict[Path | int, Path] = {}
    for path in outputs:
        status = _status(path)
        if status is not None and stat.S_ISCHR(status.st_mode) and not isinstance(_followed(path), int):
            continue
        target = _followed(path)
        place = target if isinstance(target, int) else target.resolve()
        if place in taken:
            raise OutputError(f"{path} and {taken[place]} are the same output; choose another for one of them")
        taken[place] = path


def append_bytes(path: Path, data: bytes) -> None:
    """Append ``data`` to a file, which keeps what it has; raise `OSError`."""
    with path.open("ab") as file:
        file.write(data)


def _status(path: Path) -> os.stat_result | None:
    """Return the status of what a path leads to, or None if it leads nowhere."""
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _followed(path: Path) -> Path | int:
    """Follow symbolic links to the path to write.

    If they lead to an open descriptor of this process, return its number.
    """
    for _ in range(_MOST_LINKS):
        if (number := _descriptor(os.fspath(path))) is not None:
            return number
        try:
            path = path.parent / path.readlink()
        except OSError:
            return path
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _descriptor(text: str) -> int | None:
    """Return the number of this process's descriptor that a path names; None for others."""
    if text in _STANDARD:
        return _STANDARD[text]
    match = _DESCRIPTOR.fullmatch(text)
    return int(match[2]) if match and match[1] in (None, str(os.getpid())) else None


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Let an `OSError` name the path that the user gave."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from None


def _write_to_descriptor(path: Path, number: int, data: bytes) -> None:
    """Write to an open descriptor; standard output gets the data after what was printed before."""
    with _named(path):
        _refuse_closed(number)
    if number != _STANDARD[os.fspath(STANDARD_OUTPUT)]:
        with _named(path), os.fdopen(os.dup(number), "wb", buffering=0) as file:
            _write_all(file, data)
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def _write_in_place(path: Path, data: bytes) -> None:
    """Write to a device or a FIFO."""
    with _named(path), os.fdopen(os.open(path, os.O_WRONLY | open_flags("O_CLOEXEC", "O_NOCTTY")), "wb", buffering=0) as file:
        _write_all(file, data)


def _write_all(file: io.FileIO, data: bytes) -> None:
    """Write to an unbuffered file, which may take less at a time."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


@contextmanager
def _temporary(path: Path, target: Path, data: bytes, old: os.stat_result | None, *, private: bool) -> Iterator[Callable[[], None]]:
    """Write a temporary file next to ``target`` and give the function that renames it.

    It is gone in the end.
    """
    with _named(path):
        if old is not None:
            _refuse_forbidden(target, os.W_OK)
        temporary, handle = _opened_alone(target, 0o600 if private or old is not None else 0o666)
    placed = False

    def put_in_place() -> None:
        """Rename the temporary file to the output, which replaces any file there."""
        nonlocal placed
        with _named(path):
            temporary.replace(target)
        placed = True

    with os.fdopen(handle, "wb", buffering=0) as file:
        try:
            with _named(path):
                if old is not None:
                    _keep_owner_and_mode(handle, old)
                if private and hasattr(os, "fchmod"):
                    os.fchmod(handle, 0o600)
                _write_all(file, data)
                os.fsync(handle)
            yield put_in_place
        finally:
            if not placed:
                temporary.unlink(missing_ok=True)


def _keep_owner_and_mode(handle: int, old: os.stat_result) -> None:
    """Give a new file the owner and the mode of the old one.

    If the owner cannot be kept, nobody gets more rights.
    """
    if not hasattr(os, "fchown"):
        return
    mode = stat.S_IMODE(old.st_mode)
    with suppress(PermissionError):
        os.fchown(handle, -1, old.st_gid)
    with suppress(PermissionError):
        os.fchown(handle, old.st_uid, -1)
    new = os.fstat(handle)
    if new.st_gid != old.st_gid:
        mode &= ~stat.S_IRWXG
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        mode &= ~(stat.S_ISUID | stat.S_ISGID)
    os.fchmod(handle, mode)


def _temporary_name(name: str) -> str:
    stem = os.fsencode(name)
    return f".{name if len(stem) <= _LONGEST else hashlib.sha256(stem).hexdigest()}.new"


def _opened_alone(path: Path, mode: int) -> tuple[Path, int]:
    """Make the temporary file of a path, locked against other writers.

    Return it with its descriptor.

    If somebody else's file, or anything but a regular file, has its name, the temporary file gets
    an unpredictable name.
    """
    temporary = path.parent / _temporary_name(path.name)
    flags = os.O_RDWR | open_flags("O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK", "O_BINARY")
    while True:
        try:
            handle = os.open(temporary, flags | os.O_CREAT | os.O_EXCL, mode)
        except FileExistsError:
            if not _take_over(temporary, flags):
                temporary = path.parent / f".{secrets.token_hex(16)}.new"
            continue
        try:
            _lock(handle)
            if os.path.samestat(os.fstat(handle), temporary.lstat()):
                return temporary, handle
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _own_user() -> int:
    return os.geteuid() if hasattr(os, "geteuid") else 0


def _lock(handle: int) -> None:
    """Wait until no other writer holds an open file.

    Do nothing on a platform without such locks.
    """
    try:
        import fcntl
    except ImportError:
        return
    fcntl.flock(handle, fcntl.LOCK_EX)


def _take_over(temporary: Path, flags: int) -> bool:
    """Wait for the writer of a temporary file and remove what it left.

    Return False if it is not ours to remove.
    """
    try:
        handle = os.open(temporary, flags)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != _own_user() or status.st_nlink > 1:
            return False
        _lock(handle)
        if os.path.samestat(status, temporary.lstat()):
            temporary.unlink()
    except FileNotFoundError:
        pass
    finally:
        os.close(handle)
    return True
