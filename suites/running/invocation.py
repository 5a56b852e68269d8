"""A run in the words of the command line.

These are its limits, and the command that repeats one case.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from nnc_conformance.suites.results.fresh_ids import fresh_count, is_fresh
from nnc_conformance.suites.results.result import CaseResult
from nnc_conformance.suites.results.run_document import RunDocument
from nnc_conformance.suites.running.selection import DEFAULT_LEVELS
from nnc_conformance.suites.sandbox.limits import Limits

_MIB = 1 << 20


def limits_of(time_limit: float | None, memory_limit: int | None, default: Limits | None = None) -> Limits:
    """Return the limits that command line options ask for.

    Args:
        time_limit: Seconds of wall time, or None; CPU time changes in the same ratio.
        memory_limit: MiB of memory, or None.
        default: Limits for what is not given.
    """
    default = default or Limits()
    given: dict[str, float | int] = {}
    if time_limit is not None:
        given |= {"wall_seconds": time_limit, "cpu_seconds": time_limit * default.cpu_seconds / default.wall_seconds}
    if memory_limit is not None:
        given["memory_bytes"] = memory_limit * _MIB
    return default.model_copy(update=given)


@dataclass(frozen=True)
class Invocation:
    """Arguments and options of a run.

    Attributes:
        suite: Argument that names the suite; "" for the built-in one.
        decoders: ``--decoder`` arguments by the decoders' names.
        limits: Limits of each case.
        repeat: Times that each case is run.
    """

    suite: str
    decoders: Mapping[str, str]
    limits: Limits = field(default_factory=Limits)
    repeat: int = 1

    @classmethod
    def of(cls, run: RunDocument, repeat: int) -> "Invocation":
        """Return what the run of a ``run.json`` was asked."""
        decoders = {decoder.name: decoder.argument for decoder in run.decoders}
        return cls(run.suite, decoders, run.limits, repeat)

    def command(self, case: CaseResult) -> str:
        """Return the shell command that runs ``case`` alone, with the same limits and repeats."""
        words = ["nnc-conformance", "run", *([self.suite] if self.suite else [])]
        words += ["--decoder", self.decoders.get(case.decoder, case.decoder)]
        if is_fresh(case.vector):
            words += ["--fresh", str(fresh_count([case.vector]))]
        elif case.level not in DEFAULT_LEVELS:
            words += ["--level", case.level.value]
        if case.tested_edition != 2022:
            words += ["--edition", str(case.tested_edition)]
        default = Limits()
        if self.limits.wall_seconds != default.wall_seconds:
            words += ["--time-limit", f"{self.limits.wall_seconds:g}"]
        if self.limits.memory_bytes != default.memory_bytes:
            words += ["--memory-limit", f"{self.limits.memory_bytes // _MIB}"]
        if self.repeat != 1:
            words += ["--repeat", str(self.repeat)]
        return shlex.join([*words, "--filter", f"id={case.vector}"])
