"""``run.json``: how a run went; everything that may differ from run to run."""

import base64
import zlib
from typing import Final, Literal

from pydantic import Field

from nnc_conformance.storage.documents import Frozen, Sha256
from nnc_conformance.suites.results.expected_failures import NONE_KNOWN, KnownFailures
from nnc_conformance.suites.results.result import ResultsError
from nnc_conformance.suites.sandbox.limits import Limits

KEPT_BYTES: Final = 1 << 14
"""Largest output of a failing case, in bytes, that is kept for `explain`."""


class CaseLog(Frozen):
    """How one case went.

    Attributes:
        seconds: Wall time.
        cpu_seconds: CPU time of the process tree.
        peak_bytes: Largest resident size of the process tree, as sampled.
        detail: The decoder's own message.
        stderr: End of its standard error.
        left_behind: Processes that it left running.
        retried: Why the case was tried again before it counted; "" if it was not.
        output: Tensors of a failing case if they are small; read them with `kept_output`.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    detail: str = ""
    stderr: str = ""
    left_behind: int = 0
    retried: str = ""
    output: str = ""

    @property
    def kept_output(self) -> bytes | None:
        """Return the tensors of a failing case as a ``.safetensors`` file; None if not kept.

        Raises `ResultsError` if they cannot be read.
        """
        if not self.output:
            return None
        try:
            return zlib.decompressobj().decompress(base64.b64decode(self.output), KEPT_BYTES)
        except (ValueError, zlib.error) as error:
            raise ResultsError(f"the kept output of a case cannot be read: {error}") from None

    def keeping(self, output: bytes) -> "CaseLog":
        """Return this log with the tensors of a failing case, unless they exceed `KEPT_BYTES`."""
        if len(output) > KEPT_BYTES:
            return self
        return self.model_copy(update={"output": base64.b64encode(zlib.compress(output, 9)).decode()})


NO_LOG: Final = CaseLog(seconds=0.0, cpu_seconds=0.0, peak_bytes=0)
"""Log of a case whose decoder was not started."""


class DecoderRun(Frozen):
    """How a decoder was run: its name, its ``--decoder`` argument and its command."""

    name: str
    argument: str
    command: str


class RunDocument(Frozen):
    """Content of ``run.json``."""

    format: Literal["nnc-run/1"] = "nnc-run/1"
    results_sha256: Sha256
    suite: str
    decoders: tuple[DecoderRun, ...]
    started: str
    finished: str
    host: str
    platform: str
    python: str
    versions: dict[str, str]
    not_selected: int = Field(default=0, ge=0, description="vectors of the suite that level, edition or filters left out")
    jobs: int
    load: str = Field(default="", description="load average of this machine during the run, and its number of CPUs")
    scheduler: str = ""
    limits: Limits
    network: str = Field(description='"none" if the decoders had no network, else why they had')
    processes: str = Field(default="", description="what contains the decoders' processes, so that none outlives the run")
    logs: dict[str, CaseLog]
    reproduce: dict[str, str] = Field(default_factory=dict, description="for each failing case the command that runs it alone")
    expected_failures: KnownFailures = Field(default=NONE_KNOWN, description="what became of the failures that the user expected")
