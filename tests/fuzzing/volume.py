"""Many executions of a target in a process of its own: what it raises that is no `NNCError`, what
kills it, hangs, or takes memory.

python -m fuzzing.volume [--executions N] [--seed N] [--target NAME]... [--json FILE] [--findings
DIR]
"""

import json
import mmap
import os
import resource
import signal
import struct
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path

from fuzzing import mutate
from fuzzing.options import command_line, keep, write_record
from fuzzing.seeds import seeds
from fuzzing.shares import SHARES
from fuzzing.targets import SECONDS, TARGETS, clean

from nnc_conformance.reference.errors import NNCError

MOST_MEMORY = 1 << 28
"""Bytes of address space that a target may take beyond those of its good inputs."""
WATCH_SECONDS = 20.0
"""Seconds without an execution after which a process is stopped: an input that takes longer is
a hang on any machine.
"""
Function = Callable[[bytes], None]
PLACE = struct.Struct("<QQ")
MOST_INPUT = 1 << 20


@dataclass(frozen=True)
class Finding:
    """An input that broke a promise: what happened, and the input."""

    what: str
    data: bytes


@dataclass
class Record:
    """What became of a target."""

    target: str
    seed: int
    executions: int = 0
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Executions a second."""
        return self.executions / self.seconds if self.seconds else 0.0


def tried(function: Function, data: bytes) -> str:
    """What is wrong with how a target takes an input; "" for nothing."""
    began = time.thread_time()
    try:
        function(data)
    except NNCError:
        pass
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} in {Path(frame.filename).name}:{frame.name}"
    spent = time.thread_time() - began
    return "" if spent <= SECONDS else f"hang: {spent:.1f} s"


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MOST_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _worker(function: Function, inputs: Iterator[bytes], shared: mmap.mmap, pipe_fd: int) -> None:
    """Executes the inputs; before each, its number, length and bytes stand in ``shared``.

    Findings go to a pipe.
    """
    with os.fdopen(pipe_fd, "w") as pipe:
        known = set()
        for number, data in enumerate(inputs):
            shared[: PLACE.size + min(len(data), MOST_INPUT)] = PLACE.pack(number, len(data)) + data[:MOST_INPUT]
            what = tried(function, data)
            if what and what not in known:
                known.add(what)
                print(json.dumps([what, data.hex()]), file=pipe, flush=True)
        shared[: PLACE.size] = PLACE.pack(number + 1, 0)


def _watched(pid: int, shared: mmap.mmap) -> tuple[bool, str]:
    """Waits for a worker: whether it ended well, and what ended it."""
    last, since = -1, time.monotonic()
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status == 0, f"status {status}" if not os.WIFSIGNALED(status) else f"signal {os.WTERMSIG(status)}"
        number, _ = PLACE.unpack(shared[: PLACE.size])
        if number != last:
            last, since = number, time.monotonic()
        elif time.monotonic() - since > WATCH_SECONDS:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return False, f"hang: {WATCH_SECONDS:g} s and more"
        time.sleep(0.02)


def fuzz(target: str, executions: int, seed: int, function: Function | None = None) -> Record:
    """Executes a target with ``executions`` inputs.

    Ends at the first that takes its process with it.
    """
    function = function or TARGETS[target]
    good = seeds(target)
    for data in good:
        tried(TARGETS[target], data)
    record, shared = Record(target, seed), mmap.mmap(-1, PLACE.size + MOST_INPUT)
    reader, writer = os.pipe()
    sys.stdout.flush()
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        code = 1
        try:
            _limit_memory()
            _worker(function, islice(mutate.inputs(target, good, seed), executions), shared, writer)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writer)
    well, how = _watched(pid, shared)
    for process in (pid, os.getpid()):
        clean(process)
    record.seconds = time.monotonic() - began
    record.executions, length = PLACE.unpack(shared[: PLACE.size])
    with os.fdopen(reader) as pipe:
        record.findings = [Finding(what, bytes.fromhex(data)) for what, data in map(json.loads, pipe)]
    if not well:
        record.findings.append(Finding(how, shared[PLACE.size : PLACE.size + length]))
    return record


def main() -> int:
    """Fuzzes the targets, prints a line for each, and returns 1 where there are findings."""
    given = command_line(__doc__, targets=TARGETS, executions=1_000_000, of="all targets").parse_args()
    records = []
    for target in given.target or TARGETS:
        record = fuzz(target, given.executions * SHARES[target].volume // 1000, given.seed)
        records.append(record)
        print(f"{target}: {record.executions} executions, {record.rate:.0f} a second, {len(record.findings)} findings", flush=True)
        for number, finding in enumerate(record.findings):
            print(f"  {finding.what}: {len(finding.data)} bytes")
            keep(given.findings, f"{target}-{number}", finding.data)
    write_record(given.json, [{**asdict(record), "findings": [finding.what for finding in record.findings]} for record in records])
    return int(any(record.findings for record in records))


if __name__ == "__main__":
    sys.exit(main())
