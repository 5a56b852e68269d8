"""Process of a pool that runs one case after another; start it with ``python -m`` and this module.

It reads a `Setup` and then `Task` lines on standard input, and answers `Ready`, then `Finished` or `Broken`, on standard
output. It is isolated before it loads anything, adopts what its decoders leave behind, and ends, with all of them, when its standard
input does.
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
    """Lines of a file descriptor, read without a look ahead that would hide its end from others who watch it."""

    def __init__(self, handle: int) -> None:
        self._handle, self._rest = handle, b""

    def next(self) -> bytes | None:
        """Returns the next line, or None at the end."""
        while b"\n" not in self._rest:
            data = os.read(self._handle, 1 << 16)
            if not data:
                return None
            self._rest += data
        line, self._rest = self._rest.split(b"\n", 1)
        return line


def serve(isolation: Isolation) -> None:
    """Serves until standard input ends."""
    from nnc_conformance.reference.errors import NNCError
    from nnc_conformance.suites.running.executor import Executor
    from nnc_conformance.suites.running.task import Broken, Finished, Ready, Setup, Task
    from nnc_conformance.suites.sandbox.bounded_process import AbandonedError

    lines = _Lines(sys.stdin.fileno())
    first = lines.next()
    if first is None:
        return
    setup = Setup.model_validate_json(first)
    try:
        scratch = Path(tempfile.mkdtemp(dir=setup.scratch))
    except FileNotFoundError:  # the run was killed, and another slot has cleared up after it
        return
    executor = Executor(setup, scratch, watched=sys.stdin.fileno())
    try:
        print(Ready(network=isolation.network, processes=isolation.processes).model_dump_json(), flush=True)
        while (line := lines.next()) is not None:
            try:
                case, log = executor.execute(Task.model_validate_json(line))
                answer: Finished | Broken = Finished(case=case, log=log)
            except AbandonedError:
                return
            except NNCError as error:
                answer = Broken(error=str(error), suite_fault=True)
            except Exception:
                answer = Broken(error=traceback.format_exc(), suite_fault=False)
            print(answer.model_dump_json(), flush=True)
    except BrokenPipeError:
        return
    finally:
        executor.close()
        shutil.rmtree(scratch, ignore_errors=True)
        with contextlib.suppress(OSError):
            scratch.parent.rmdir()  # the last slot of a run that was killed


if __name__ == "__main__":
    sys.exit(isolated(serve))
