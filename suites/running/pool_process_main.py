"""Main program of a pool process: it executes and judges one case after another.

Start it with ``python -m`` and this module. It reads a `Setup` line and then `Task` lines on
standard input, and writes an `Answer` line when it is ready and after each task. It isolates itself
before it loads anything, adopts what its implementations leave behind, and ends with all of them
when its standard input ends.
"""

import contextlib
import os
import shutil
import sys
import tempfile
import traceback
from pathlib import Path

from nnc_conformance.suites.sandbox.isolation import Isolation, isolated


class _Lines:
    """Lines of a file descriptor, read without buffering ahead: others watch for its end."""

    def __init__(self, handle: int) -> None:
        self._handle, self._rest = handle, b""

    def next(self) -> bytes | None:
        """Return the next line, or None at the end."""
        while b"\n" not in self._rest:
            data = os.read(self._handle, 1 << 16)
            if not data:
                return None
            self._rest += data
        line, self._rest = self._rest.split(b"\n", 1)
        return line


def serve(isolation: Isolation) -> None:
    """Execute the tasks on standard input until it ends."""
    from nnc_conformance.reference.errors import NNCError
    from nnc_conformance.suites.running.messages import Broken, Task
    from nnc_conformance.suites.running.task_kind import read_setup
    from nnc_conformance.suites.sandbox.bounded_process import AbandonedError

    lines = _Lines(sys.stdin.fileno())
    first = lines.next()
    if first is None:
        return
    kind, setup = read_setup(first)
    try:
        scratch = Path(tempfile.mkdtemp(dir=setup.scratch))
    except FileNotFoundError:  # the run was killed, and another pool process has removed its folder
        return
    executor = kind.executor(setup, scratch, sys.stdin.fileno())
    try:
        print(kind.answer_type(ready=isolation).model_dump_json(), flush=True)
        while (line := lines.next()) is not None:
            try:
                answer = kind.answer_type(finished=executor.run_task(Task.model_validate_json(line)))
            except AbandonedError:
                return
            except NNCError as error:
                answer = kind.answer_type(broken=Broken(error=str(error), bad_input=True))
            except Exception:
                answer = kind.answer_type(broken=Broken(error=traceback.format_exc(), bad_input=False))
            print(answer.model_dump_json(), flush=True)
    except BrokenPipeError:
        return
    finally:
        executor.close()
        shutil.rmtree(scratch, ignore_errors=True)
        with contextlib.suppress(OSError):
            scratch.parent.rmdir()  # succeeds only for the last pool process of a run that was killed


if __name__ == "__main__":
    sys.exit(isolated(serve))
