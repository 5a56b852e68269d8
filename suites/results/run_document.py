"""``run.json``: how a run went, which may differ from run to run."""

import base64
import zlib
from typing import Final, Literal

from pydantic import Field

from nnc_conformance.storage.documents import Frozen, Sha256
from nnc_conformance.suites.results.result import ResultsError
from nnc_conformance.suites.sandbox.limits import Limits

KEPT_BYTES: Final = 1 << 14
"""The output of a failing case is kept up to so many bytes, deflated, for `explain`."""


class CaseLog(Frozen):
    """How one case went: seconds of wall and CPU time, the process tree's peak resident bytes, what the decoder said.

    ``detail`` is the decoder's own message, ``stderr`` the end of its standard error, ``left_behind`` how many processes it left,
    ``output`` the tensors that a failing case gave, where they are small: see `kept_output`.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    detail: str = ""
    stderr: str = ""
    left_behind: int = 0
    output: str = ""

    @property
    def kept_output(self) -> bytes | None:
        """The tensors of a failing case as a ``.safetensors`` file; None where none are kept. Raises `ResultsError`."""
        if not self.output:
            return None
        try:
            return zlib.decompressobj().decompress(base64.b64decode(self.output), KEPT_BYTES)
        except (ValueError, zlib.error) as error:
            raise ResultsError(f"the output that is kept of a case cannot be read: {error}") from None

    def keeping(self, output: bytes) -> "CaseLog":
        """This log with the tensors of a failing case (a ``.safetensors`` file), unless they take more than `KEPT_BYTES`."""
        if len(output) > KEPT_BYTES:
            return self
        return self.model_copy(update={"output": base64.b64encode(zlib.compress(output, 9)).decode()})


NO_LOG: Final = CaseLog(seconds=0.0, cpu_seconds=0.0, peak_bytes=0)
"""The log of a case whose decoder was not started."""


class DecoderRun(Frozen):
    """How a decoder was run: its name, and the ``--decoder`` argument and command as given."""

    name: str
    argument: str
    command: str


class RunDocument(Frozen):
    """``run.json``: all that may differ from run to run."""

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
    jobs: int
    scheduler: str = ""
    limits: Limits
    network: str = Field(description='"none" where the decoders had no network, else why they had')
    processes: str = Field(default="", description="what holds a decoder's processes together, so that none outlives the run")
    logs: dict[str, CaseLog]
    reproduce: dict[str, str] = Field(default_factory=dict, description="for each failing case the command that runs it alone")
