"""The independent codec as a black box: a process of its own environment's Python, asked over JSON
lines within a time limit.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load, save

PROGRAM: Final = Path(__file__).parents[1] / "peer" / "peer.py"
START_SECONDS: Final = 120.0
"""Importing the codec, and torch with it, on a busy machine."""

Array = npt.NDArray[Any]


class PeerError(Exception):
    """The codec refused, or died."""


class PeerTimeoutError(PeerError):
    """The codec did not answer in time.

    Its process was ended; the next call starts another.
    """


class Peer:
    """Encodes and decodes with the codec of the environment whose Python is ``python``.

    A context manager.

    ``seconds``: time limit of each call. A call that meets a dead process, or that hangs, leaves
    none behind; the next one starts anew.
    """

    def __init__(self, python: str | os.PathLike[str], *, seconds: float = 20.0, program: Path = PROGRAM) -> None:
        self.command = [os.fspath(python), str(program), "serve"]
        self.seconds = seconds
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0
        """How often a process was started."""
        self._folder = tempfile.TemporaryDirectory(prefix="nnc-peer-")
        self._errors = Path(self._folder.name) / "stderr"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def decode(self, stream: bytes) -> dict[str, Array]:
        """The tensors by name, as the codec gives them; raises `PeerError`."""
        (Path(self._folder.name) / "stream.nnr").write_bytes(stream)
        return load(self._job({"op": "decode"}, {"stream": "stream.nnr", "output": "decoded.safetensors"}))

    def encode(self, parameters: Mapping[str, Array], **options: Any) -> bytes:
        """The stream; the options are those of ``peer/peer.py encode``. Raises `PeerError`."""
        contiguous = {name: np.ascontiguousarray(array) for name, array in parameters.items()}
        (Path(self._folder.name) / "source.safetensors").write_bytes(save(contiguous))
        return self._job({"op": "encode", "options": options}, {"input": "source.safetensors", "output": "encoded.nnr"})

    def close(self) -> None:
        """Ends the process and removes its files."""
        self._end()
        self._folder.cleanup()

    def _job(self, job: dict[str, Any], files: dict[str, str]) -> bytes:
        """Has a job done; gives the bytes of its output file."""
        paths = {role: Path(self._folder.name) / name for role, name in files.items()}
        paths["output"].unlink(missing_ok=True)
        process = self._running()
        self._ask(process, job | {role: str(path) for role, path in paths.items()}, self.seconds)
        return paths["output"].read_bytes()

    def _running(self) -> subprocess.Popen[bytes]:
        if self.process is None or self.process.poll() is not None:
            self._end()
            with self._errors.open("wb") as errors:
                self.process = subprocess.Popen(
                    self.command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    cwd=self._folder.name,
                    start_new_session=True,
                )
            self.starts += 1
            self._ask(self.process, {"op": "load"}, START_SECONDS)
        return self.process

    def _ask(self, process: subprocess.Popen[bytes], job: dict[str, Any], seconds: float) -> None:
        """Sends a job and waits for its answer.

        A process that hangs or dies is cleared away.
        """
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(job).encode() + b"\n")
            process.stdin.flush()
            answer = json.loads(_line(process, time.monotonic() + seconds))
        except (OSError, EOFError, json.JSONDecodeError) as error:
            self._end()
            timed_out = isinstance(error, TimeoutError)
            problem = f"no answer to {job['op']} in {seconds:g} s" if timed_out else f"died during {job['op']}: {self._last_errors()}"
            raise (PeerTimeoutError if timed_out else PeerError)(problem) from error
        if not answer["ok"]:
            raise PeerError(answer["error"])

    def _last_errors(self) -> str:
        return self._errors.read_bytes()[-500:].decode(errors="replace").strip()

    def _end(self) -> None:
        """Kills the process, and what it may have started."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()
        self.process = None


def _line(process: subprocess.Popen[bytes], deadline: float) -> bytes:
    """One line of the process.

    Raises `TimeoutError` at the deadline and `EOFError` at the end of its output.
    """
    assert process.stdout is not None
    line = b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise TimeoutError
        piece = os.read(process.stdout.fileno(), 1 << 16)
        if not piece:
            raise EOFError
        line += piece
    return line
