"""Process of one decoder, watched together with its process tree.

It is ended at the first limit exceeded.
"""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from nnc_conformance.suites.sandbox import linux, process_tree
from nnc_conformance.suites.sandbox.limits import LimitExceededError, Limits, ResourceUse

KEPT_BYTES: Final = 1 << 16
"""Bytes of standard error that are kept, from its end."""
_POLL_SECONDS: Final = (0.005, 0.01, 0.02)
"""Seconds before the first, second and every later check of a case."""
_CHUNK: Final = 1 << 16
_MIB: Final = 1 << 20


class AbandonedError(Exception):
    """The run that asked for the case has ended."""


class BoundedProcess:
    """A running decoder in a session of its own, without terminal.

    The end of its standard error is kept; its standard output is read by lines (``talks``) or
    dropped. All descendants of this process count as its tree, so only one `BoundedProcess` may
    exist at a time.

    Args:
        command: Program and arguments.
        folder: Working folder, also for temporary files; everything below it counts as output.
        limits: Limits of each case.
        talks: Whether to connect standard input, and to keep standard output for `receive`.
        watched: File descriptor that becomes readable when nobody wants the result any more.
        wall_seconds: Wall time of the first case, in place of that of ``limits``.

    Raises `OSError` if the command cannot be started.
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
        self._unread = bytearray()
        self._output_ended = False
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
            preexec_fn=self._prepare_child,  # noqa: PLW1509 (the harness's process has one thread)
        )
        self._talks = talks
        self._selector = selectors.DefaultSelector()
        for stream, keep in ((self._process.stdout, self._keep_output), (self._process.stderr, self._keep_error)):
            assert stream is not None
            os.set_blocking(stream.fileno(), False)
            self._selector.register(stream, selectors.EVENT_READ, keep)
        self._exit_handle = os.pidfd_open(self._process.pid) if hasattr(os, "pidfd_open") else None
        if self._exit_handle is not None:
            self._selector.register(self._exit_handle, selectors.EVENT_READ, None)
        if watched is not None:
            self._selector.register(watched, selectors.EVENT_READ, None)
        self.begin(wall_seconds)

    def _prepare_child(self) -> None:
        """Bound the child before it becomes the decoder: end with the harness, small files, no
        core.
        """
        import resource

        linux.die_with_parent(self._parent, signal.SIGKILL)
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        largest = self._limits.output_bytes + 1
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest if hard == resource.RLIM_INFINITY else min(largest, hard), hard))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def begin(self, wall_seconds: float | None = None) -> None:
        """Begin a case: reset clocks and the count of printed bytes.

        Args:
            wall_seconds: Wall time of this case, in place of that of the limits.
        """
        self.use = ResourceUse()
        self._wall_seconds = self._limits.wall_seconds if wall_seconds is None else wall_seconds
        self._printed = 0
        self._began = time.monotonic()
        self._cpu_before = process_tree.cpu_seconds(process_tree.descendants())
        self._checks = 0
        self._next_check = self._began + _POLL_SECONDS[0]

    @property
    def stderr(self) -> str:
        """End of the standard error, with replacement characters for invalid UTF-8."""
        return self._stderr.decode(errors="replace")

    def forget_stderr(self) -> None:
        """Drop the standard error kept so far."""
        self._stderr.clear()

    def _keep_error(self, data: bytes) -> None:
        self._stderr += data
        del self._stderr[:-KEPT_BYTES]

    def _keep_output(self, data: bytes) -> None:
        if self._talks:
            self._unread += data

    def _pump(self) -> None:
        """Wait for output, an end, or the time of the next check.

        Raises `LimitExceededError` or `AbandonedError`.
        """
        for key, _ in self._selector.select(max(0.0, self._next_check - time.monotonic())):
            if key.fd == self._watched:
                raise AbandonedError
            if key.data is not None:
                self._read(key.fd, key.fileobj, key.data)
        if time.monotonic() >= self._next_check:
            self.check()

    def _read(self, handle: int, stream: object, keep: Callable[[bytes], None]) -> None:
        """Read what a pipe has; at its end stop watching it.

        Args:
            handle: The file descriptor of the pipe.
            stream: The same pipe as the selector knows it.
            keep: Called with the bytes read, which are empty at the end.
        """
        try:
            data = os.read(handle, _CHUNK)
        except BlockingIOError:
            return
        if not data:
            self._selector.unregister(stream)  # type: ignore[arg-type]
            self._output_ended |= stream is self._process.stdout
        self._printed += len(data)
        keep(data)

    def check(self) -> None:
        """Measure process tree and folder once.

        Raises `LimitExceededError` for the first limit exceeded.
        """
        limits, now = self._limits, time.monotonic()
        tree = process_tree.descendants()
        self.use.seconds = now - self._began
        self.use.peak_bytes = max(self.use.peak_bytes, process_tree.resident_bytes(tree, limits.memory_bytes))
        self.use.cpu_seconds = max(self.use.cpu_seconds, process_tree.cpu_seconds(tree) - self._cpu_before)
        self._checks += 1
        self._next_check = now + _POLL_SECONDS[min(self._checks, len(_POLL_SECONDS) - 1)]
        written, files = folder_use(self._folder, limits.files)
        process_tree.reap(keep=self._process.pid)
        if self.use.peak_bytes > limits.memory_bytes:
            raise LimitExceededError("limit", f"resident memory passed {limits.memory_bytes / _MIB:g} MiB")
        if len(tree) > limits.processes:
            raise LimitExceededError("limit", f"more than {limits.processes} processes")
        if files > limits.files:
            raise LimitExceededError("limit", f"more than {limits.files} files written")
        if written + self._printed > limits.output_bytes:
            raise LimitExceededError("limit", f"more than {limits.output_bytes / _MIB:g} MiB written")
        if self.use.seconds > self._wall_seconds:
            raise LimitExceededError("timeout", f"longer than {self._wall_seconds:g} s")
        if self.use.cpu_seconds > limits.cpu_seconds:
            raise LimitExceededError("timeout", f"more than {limits.cpu_seconds:g} s of CPU time")

    def wait(self) -> int:
        """Wait for the process to end, and return its exit code, -N for signal N.

        Other processes may still hold its pipes.

        Raises:
            LimitExceededError: If a limit is exceeded; the process is not ended by this.
            AbandonedError: If the run that asked for the result has ended.
        """
        while self._process.poll() is None:
            self._pump()
        self._drain()
        self.check()
        if self._process.returncode == -signal.SIGXFSZ:
            raise LimitExceededError("limit", f"more than {self._limits.output_bytes / _MIB:g} MiB written")
        return self._process.returncode

    def _drain(self) -> None:
        """Read what is in the pipes now, without waiting, up to what is kept."""
        for key in list(self._selector.get_map().values()):
            if key.data is not None:
                for _ in range(KEPT_BYTES // _CHUNK + 1):
                    if key.fd in self._selector.get_map():
                        self._read(key.fd, key.fileobj, key.data)

    def send(self, line: bytes) -> bool:
        """Write a line to its standard input; return False if nobody reads it."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line)
        except (BrokenPipeError, BlockingIOError):
            return False
        return True

    def receive(self, longest: int) -> bytes | None:
        """Wait for a line of its standard output; return it without the newline.

        A longer line is cut after ``longest`` bytes. Returns None if the output ends before;
        `unread` then has the unfinished line. Raises `LimitExceededError` and `AbandonedError`.
        """
        while True:
            end = self._unread.find(b"\n")
            if end >= 0 or len(self._unread) > longest:
                line = bytes(self._unread[: end if end >= 0 else longest])
                del self._unread[: len(line) + 1]
                return line
            if self._output_ended:
                return None
            self._output_ended = self._process.poll() is not None
            self._drain() if self._output_ended else self._pump()

    def unread(self, patience: float = 0.0) -> bytes:
        """Return the standard output that `receive` has not returned, and keep it.

        Args:
            patience: Seconds to wait for the first byte.
        """
        deadline = time.monotonic() + patience
        while not self._unread and self._process.poll() is None and (left := deadline - time.monotonic()) > 0:
            for key, _ in self._selector.select(left):
                if key.data is not None:
                    self._read(key.fd, key.fileobj, key.data)
        self._drain()
        return bytes(self._unread)

    def ended(self, patience: float) -> int | None:
        """Wait for the process to end; return its exit code, or None if it runs.

        Args:
            patience: Seconds to wait.
        """
        try:
            return self._process.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            return None

    def close(self) -> int:
        """End the whole process tree, and close its pipes.

        Returns:
            The number of processes still running, apart from the decoder itself.
        """
        self.closed = True
        own_living = self._process.poll() is None
        self.use.seconds = max(self.use.seconds, time.monotonic() - self._began)
        ended = process_tree.kill_descendants(keep=self._process.pid)
        self._process.wait()
        self._drain()
        self._selector.close()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        if self._exit_handle is not None:
            os.close(self._exit_handle)
        return ended - own_living


def folder_use(folder: Path, most_files: int) -> tuple[int, int]:
    """Return the bytes of the files below ``folder``, and the number of entries there.

    Folders and links count as entries; links are not followed. Above ``most_files`` entries, no
    further folder is opened. A folder that cannot be read is passed over.
    """
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
