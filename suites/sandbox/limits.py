"""Limits of one case, what it used, and the error for a limit exceeded."""

from dataclasses import dataclass

from nnc_conformance.storage.documents import Frozen


class Limits(Frozen):
    """Limits of one case.

    Attributes:
        wall_seconds: Seconds from the start of the case to its end.
        cpu_seconds: Seconds of user and system time of the process tree.
        memory_bytes: Resident bytes of the process tree.
        output_bytes: Bytes written to files and printed.
        files: Files and folders written.
        processes: Processes alive at the same time.
    """

    wall_seconds: float = 60.0
    cpu_seconds: float = 240.0
    memory_bytes: int = 4 << 30
    output_bytes: int = 4 << 30
    files: int = 1000
    processes: int = 256


class LimitExceededError(Exception):
    """A case exceeded a limit.

    ``kind`` is ``timeout`` or ``limit``, the message names the limit.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass
class ResourceUse:
    """Resources that the process tree has used, as sampled: seconds, CPU seconds, peak bytes."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_bytes: int = 0
