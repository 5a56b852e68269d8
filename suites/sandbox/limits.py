"""Limits of one case, what it used, and the error for a limit exceeded."""

from dataclasses import dataclass

from nnc_conformance.storage.documents import Frozen


class Limits(Frozen):
    """What one case may use: seconds of wall and CPU time, resident bytes of the process tree, bytes and files written, processes."""

    wall_seconds: float = 60.0
    cpu_seconds: float = 240.0
    memory_bytes: int = 4 << 30
    output_bytes: int = 4 << 30
    files: int = 1000
    processes: int = 256


class LimitExceededError(Exception):
    """A bound was passed: ``timeout`` or ``limit``, and which."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass
class ResourceUse:
    """What the process tree has used, as far as it was seen."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_bytes: int = 0
