"""How a worker handles ``stop``, tried by an isolated process (``python -m`` this module)."""

import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Final

from nnc_conformance.suites.decoders import protocol
from nnc_conformance.suites.decoders.execution import ending_text
from nnc_conformance.suites.decoders.worker_process import START_SECONDS
from nnc_conformance.suites.results.fault_table import Fault
from nnc_conformance.suites.sandbox import process_tree
from nnc_conformance.suites.sandbox.isolation import isolated

STOP_SECONDS: Final = 5.0
"""Seconds that a worker may take to end after ``stop``."""


def stop_fault(command: Sequence[str], spoken: protocol.WorkerProtocol) -> tuple[Fault, str] | None:
    """Start a worker and ask it to stop.

    Return the fault and what happened, or None.

    A worker that does not start has other faults, and none here.
    """
    words = [sys.executable, "-P", "-m", "nnc_conformance.suites.checking.stopping", str(STOP_SECONDS), spoken, *command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, start_new_session=True)
    fault, _, cause = done.stdout.partition(" ")
    return (Fault(fault), cause) if fault else None


def try_stop(command: Sequence[str], patience: float, spoken: protocol.WorkerProtocol) -> str:
    """Start a worker, ask it to stop, and leave no process of it running.

    Returns the code of the fault and what happened, separated by a blank, or "".
    """
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
            return ""
        try:
            return _start_and_stop(process, patience, spoken)
        except BrokenPipeError:
            return ""
        except subprocess.TimeoutExpired:
            return f"{Fault.STOP_IGNORED} it is still running {patience:g} s after stop"
        finally:
            process_tree.kill_descendants(keep=process.pid)
            process.wait()


def _start_and_stop(process: "subprocess.Popen[bytes]", patience: float, spoken: protocol.WorkerProtocol) -> str:
    """Start the protocol with a worker, ask it to stop, and return what is wrong.

    The text is empty if the worker ends with code 0, and also if it does not answer the start,
    which other checks report. Raises `subprocess.TimeoutExpired` if it does not end within
    ``patience`` seconds.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(protocol.request_line(protocol.start_request(spoken)))
    answer = b""
    while not answer.endswith(b"\n"):
        ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
        piece = os.read(process.stdout.fileno(), 1 << 16) if ready else b""
        if not piece or len(answer) > protocol.LONGEST_LINE:
            return ""
        answer += piece
    process.stdin.write(protocol.request_line(protocol.StopRequest()))
    code = process.wait(patience)
    return "" if code == 0 else f"{Fault.STOP_EXIT_CODE} after stop: {ending_text(code)}"


if __name__ == "__main__":
    _, patience_text, spoken_name, *words = sys.argv
    sys.exit(isolated(lambda _: print(try_stop(words, float(patience_text), protocol.WorkerProtocol(spoken_name)), end="", flush=True)))
