"""How a worker takes ``stop``: asked for that alone, outside the sandbox of cases."""

import contextlib
import os
import select
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from typing import Final

from nnc_conformance.suites.decoders import protocol
from nnc_conformance.suites.decoders.base import ending_text
from nnc_conformance.suites.decoders.faults import Fault
from nnc_conformance.suites.decoders.worker import START_SECONDS

STOP_SECONDS: Final = 5.0


def stop_fault(command: Sequence[str]) -> tuple[Fault, str] | None:
    """Starts a worker and asks it to stop; returns the fault in that, or None. One that does not start well has other faults."""
    with tempfile.TemporaryDirectory(prefix="nnc-conformance-") as folder:
        try:
            process = subprocess.Popen(
                list(command),
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                start_new_session=True,
            )
        except OSError:
            return None
        try:
            return _stopped(process)
        except BrokenPipeError:
            return None
        except subprocess.TimeoutExpired:
            return Fault.STOP_IGNORED, f"it lives on {STOP_SECONDS:g} s after stop"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            with contextlib.suppress(BrokenPipeError):
                process.communicate()


def _stopped(process: "subprocess.Popen[bytes]") -> tuple[Fault, str] | None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(protocol.request_line(protocol.Start()))
    answer = b""
    while not answer.endswith(b"\n"):
        ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
        piece = os.read(process.stdout.fileno(), 1 << 16) if ready else b""
        if not piece or len(answer) > protocol.LONGEST_LINE:
            return None
        answer += piece
    process.stdin.write(protocol.request_line(protocol.Stop()))
    code = process.wait(STOP_SECONDS)
    return None if code == 0 else (Fault.STOP_EXIT_CODE, f"after stop: {ending_text(code)}")
