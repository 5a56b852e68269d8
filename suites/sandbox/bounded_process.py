"""One decoder's process, its whole tree watched and bounded: wall and CPU time, memory, output, files, processes, talk."""

import os
import resource
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from nnc_conformance.suites.sandbox import linux, process_tree
from nnc_conformance.suites.sandbox.limits import LimitExceededError, Limits, ResourceUse

_POLLS: Final = (0.005, 0.01, 0.02)
_CHUNK: Final = 1 << 16
KEPT_BYTES: Final = 1 << 16
"""So much of the end of standard error is kept."""


class AbandonedError(Exception):
    """Whoever asked for the case is gone."""


class BoundedProcess:
    """A running decoder: own session, no terminal, standard error kept at its end, standard output read by lines or dropped.

    ``folder`` is its working folder and holds its temporary files; everything below it counts as output. When the file descriptor
    ``watched`` becomes readable, nobody wants the result any more. All descendants of this process count as its tree, so only one
    `BoundedProcess` may exist at a time.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        limits: Limits,
        *,
        talks: bool = False,
        watched: int | None = None,
        wall_seconds: float | None = None,
    ) -> None:
        self._folder, self._limits, self._watched = folder, limits, watched
        self._stderr = bytearray()
        self._talked = bytearray()
        self._silent = False
        self.closed = False
        self._parent = os.getpid()
        self._process = subprocess.Popen(
            list(command),
            cwd=folder,
            env={**os.environ, "TMPDIR": os.fspath(folder)},
            stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            preexec_fn=self._bind,  # noqa: PLW1509 (the harness's process has one thread)
        )
        self._talks = talks
        self._selector = selectors.DefaultSelector()
        for stream, keep in ((self._process.stdout, self._take_output), (self._process.stderr, self._take_error)):
            assert stream is not None
            os.set_blocking(stream.fileno(), False)
            self._selector.register(stream, selectors.EVENT_READ, keep)
        self._exit_handle = os.pidfd_open(self._process.pid) if hasattr(os, "pidfd_open") else None
        if self._exit_handle is not None:
            self._selector.register(self._exit_handle, selectors.EVENT_READ, None)
        if watched is not None:
            self._selector.register(watched, selectors.EVENT_READ, None)
        self.begin(wall_seconds)

    def _bind(self) -> None:
        """In the child, before it becomes the decoder: dies with us, writes no file past the limit, dumps no core."""
        linux.die_with_parent(self._parent)
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        most = self._limits.output_bytes + 1
        resource.setrlimit(resource.RLIMIT_FSIZE, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def begin(self, wall_seconds: float | None = None) -> None:
        """Starts a case: clocks and printed bytes count from here; ``wall_seconds`` stands in for the limits' own."""
        self.use = ResourceUse()
        self._wall_seconds = self._limits.wall_seconds if wall_seconds is None else wall_seconds
        self._printed = 0
        self._began = time.monotonic()
        self._cpu_before = process_tree.cpu_seconds(process_tree.descendants())
        self._polls = 0
        self._next_poll = self._began + _POLLS[0]

    @property
    def stderr(self) -> str:
        """The end of its standard error; bytes that are no UTF-8 are replaced."""
        return self._stderr.decode(errors="replace")

    def forget_stderr(self) -> None:
        """Drops the standard error kept so far."""
        self._stderr.clear()

    def _take_error(self, data: bytes) -> None:
        self._stderr += data
        del self._stderr[:-KEPT_BYTES]

    def _take_output(self, data: bytes) -> None:
        if self._talks:
            self._talked += data

    def _pump(self) -> None:
        """Waits for output, an end or the time of the next check; takes what came; raises `LimitExceededError`."""
        for key, _ in self._selector.select(max(0.0, self._next_poll - time.monotonic())):
            if key.fd == self._watched:
                raise AbandonedError
            if key.data is not None:
                self._read(key.fd, key.fileobj, key.data)
        if time.monotonic() >= self._next_poll:
            self.check()

    def _read(self, handle: int, stream: object, keep: Callable[[bytes], None]) -> None:
        try:
            data = os.read(handle, _CHUNK)
        except BlockingIOError:
            return
        if not data:
            self._selector.unregister(stream)  # type: ignore[arg-type]
            self._silent |= stream is self._process.stdout
        self._printed += len(data)
        keep(data)

    def check(self) -> None:
        """Measures the tree and the folder once; raises `LimitExceededError` for the first bound passed."""
        limits, now = self._limits, time.monotonic()
        tree = process_tree.descendants()
        self.use.seconds = now - self._began
        self.use.peak_bytes = max(self.use.peak_bytes, process_tree.resident_bytes(tree, limits.memory_bytes))
        self.use.cpu_seconds = max(self.use.cpu_seconds, process_tree.cpu_seconds(tree) - self._cpu_before)
        self._polls += 1
        self._next_poll = now + _POLLS[min(self._polls, len(_POLLS) - 1)]
        written, files = folder_use(self._folder, limits.files)
        process_tree.reap(keep=self._process.pid)
        mib = 1 << 20
        if self.use.peak_bytes > limits.memory_bytes:
            raise LimitExceededError("limit", f"resident memory passed {limits.memory_bytes / mib:g} MiB")
        if len(tree) > limits.processes:
            raise LimitExceededError("limit", f"more than {limits.processes} processes")
        if files > limits.files:
            raise LimitExceededError("limit", f"more than {limits.files} files written")
        if written + self._printed > limits.output_bytes:
            raise LimitExceededError("limit", f"more than {limits.output_bytes / mib:g} MiB written")
        if self.use.seconds > self._wall_seconds:
            raise LimitExceededError("timeout", f"longer than {self._wall_seconds:g} s")
        if self.use.cpu_seconds > limits.cpu_seconds:
            raise LimitExceededError("timeout", f"more than {limits.cpu_seconds:g} s of CPU time")

    def wait(self) -> int:
        """Waits for the end of the process itself, whoever else holds its pipes, and returns its exit code, -N for signal N.

        Raises `LimitExceededError`.
        """
        while self._process.poll() is None:
            self._pump()
        self._drain()
        self.check()
        if self._process.returncode == -signal.SIGXFSZ:
            raise LimitExceededError("limit", f"more than {self._limits.output_bytes / (1 << 20):g} MiB written")
        return self._process.returncode

    def _drain(self) -> None:
        """Takes what already lies in the pipes."""
        for key in list(self._selector.get_map().values()):
            if key.data is not None:
                for _ in range(KEPT_BYTES // _CHUNK + 1):
                    if key.fd in self._selector.get_map():
                        self._read(key.fd, key.fileobj, key.data)

    def send(self, line: bytes) -> bool:
        """Writes a line to its standard input; False where nobody reads any more."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line)
        except (BrokenPipeError, BlockingIOError):
            return False
        return True

    def receive(self, longest: int) -> bytes | None:
        """Waits for a whole line of its standard output, without the newline; raises `LimitExceededError`.

        Returns None where it ends or closes its output before; the unfinished line is then in `unread`. A line of more than
        ``longest`` bytes is cut there.
        """
        while True:
            end = self._talked.find(b"\n")
            if end >= 0 or len(self._talked) > longest:
                line = bytes(self._talked[: end if end >= 0 else longest])
                del self._talked[: len(line) + 1]
                return line
            if self._silent:
                return None
            self._silent = self._process.poll() is not None
            self._drain() if self._silent else self._pump()

    def unread(self, patience: float = 0.0) -> bytes:
        """Returns what it printed beyond the lines received, after a look into the pipes; waits ``patience`` seconds for some to come."""
        deadline = time.monotonic() + patience
        while not self._talked and self._process.poll() is None and (left := deadline - time.monotonic()) > 0:
            for key, _ in self._selector.select(left):
                if key.data is not None:
                    self._read(key.fd, key.fileobj, key.data)
        self._drain()
        return bytes(self._talked)

    def ended(self, patience: float) -> int | None:
        """Waits up to ``patience`` seconds for its end; returns the exit code, or None while it lives on."""
        try:
            return self._process.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            return None

    def close(self) -> int:
        """Ends the whole tree; returns how many processes beside the decoder's own were still there."""
        self.closed = True
        own_living = self._process.poll() is None
        self.use.seconds = max(self.use.seconds, time.monotonic() - self._began)
        met = process_tree.kill_descendants(keep=self._process.pid)
        self._process.wait()
        self._drain()
        self._selector.close()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        if self._exit_handle is not None:
            os.close(self._exit_handle)
        return met - own_living


def folder_use(folder: Path, most_files: int) -> tuple[int, int]:
    """Returns the bytes and the number of files below ``folder``, links not followed; stops counting past ``most_files``."""
    total, files, pending = 0, 0, [os.fspath(folder)]
    while pending and files <= most_files:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    total += entry.stat(follow_symlinks=False).st_size if entry.is_file(follow_symlinks=False) else 0
                    files += 1
        except OSError:
            continue
    return total, files
