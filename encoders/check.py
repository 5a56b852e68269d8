"""Checks an encoder's description and protocol with a few small cases.

It explains what to fix.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from nnc_conformance.encoders.cases import CaseInput, cases_for
from nnc_conformance.encoders.encoder_spec import EncoderError, EncoderSpec
from nnc_conformance.encoders.host import EncoderHost
from nnc_conformance.encoders.judge import judge
from nnc_conformance.encoders.load import load_encoder
from nnc_conformance.encoders.results import EncoderCaseResult
from nnc_conformance.encoders.running import REPEAT, encode_steps, reproduce
from nnc_conformance.storage.safetensors_format import dump_safetensors
from nnc_conformance.suites.results.fault_table import FAULTS, Fault, Severity
from nnc_conformance.suites.results.outcomes import OUTCOMES, Outcome
from nnc_conformance.suites.sandbox.limits import Limits

LIMITS: Final = Limits(wall_seconds=20.0, cpu_seconds=80.0)
"""Limits of each probe."""
PROBES: Final = ("value-usual", "value-zeros", "shape-float-3x5", "shape-int-13", "value-nan", "name-unicode", "update-few")
"""Ids of the cases that are run, and the first two rows of options."""
OPTION_PROBES: Final = ("options-00", "options-01")
HINTS: Final[Mapping[Fault, str]] = {
    Fault.TOML_SYNTAX: "Quote strings; an option is a string with {value}, or a table of values and words. The file is UTF-8.",
    Fault.TOML_KEY: "Required keys: name, kind (command or worker) and command. "
    "Optional: version, base, updates, max_error_steps, and the table options; docs/encoders.md explains them, and lists "
    "options and values.",
    Fault.COMMAND_PLACEHOLDERS: "command needs {input} and {output}, and may have the words {base} and {options}; base needs {stream}; "
    "an option needs {value}, or a table of values and words (docs/encoders.md).",
    Fault.COMMAND_NOT_FOUND: "Name an executable on PATH, or give its absolute path; in encoder.toml, {here} is the folder of the file.",
    Fault.EXIT_CODE: "A command ends with 0 (encoded), 65 (refused) or 69 (unsupported); a worker runs until it gets stop. "
    "Its standard error is shown above.",
    Fault.ANSWER_FORM: "Answer start with started, encode with encoded, refused or unsupported; see docs/encoders.md, Workers.",
    Fault.ANSWER_ORDER: "Answer start with started, encode with encoded, refused or unsupported, and stop with nothing.",
    Fault.OUTPUT_MISSING: "Write the stream to exactly the path given, and close it before answering or ending.",
    Fault.OUTPUT_UNREADABLE: "Write the stream as a regular file.",
    Fault.WRONG_OUTPUT: "Look into the stream with nnc-conformance validate and inspect; the element named is the first to check.",
    Fault.REFUSED_GOOD: "Answer unsupported (exit code 69) to what the encoder lacks; refuse only what cannot be coded.",
    Fault.NONDETERMINISTIC: "Write the same bytes for the same input: no times, no order of a hash table, no races between threads.",
}
"""Advice where the fault table speaks of decoders."""
NOTHING_ENCODED: Final = "no probe was encoded"


@dataclass(frozen=True)
class EncoderFinding:
    """One problem of an encoder.

    Attributes:
        fault: What kind of problem it is.
        cause: What was seen.
        cases: Ids of the cases that show it.
        stderr: End of standard error of the first of them.
        reproduce: Command that runs the first of them alone; "" for a problem of the file.
    """

    fault: Fault
    cause: str
    cases: tuple[str, ...] = ()
    stderr: str = ""
    reproduce: str = ""

    @property
    def hint(self) -> str:
        """How to fix it."""
        return HINTS.get(self.fault, FAULTS[self.fault].hint)

    @property
    def severity(self) -> Severity:
        """How severe it is."""
        return FAULTS[self.fault].severity


@dataclass(frozen=True)
class EncoderCheck:
    """What `check_encoder` found.

    Attributes:
        encoder: Name or argument of the encoder.
        findings: The problems.
        outcomes: Outcome of each probe by its case's id.
    """

    encoder: str
    findings: tuple[EncoderFinding, ...]
    outcomes: Mapping[str, Outcome]

    @property
    def errors(self) -> int:
        """The number of findings that make the encoder unfit to be judged."""
        return sum(finding.severity is Severity.ERROR for finding in self.findings)


def check_encoder(argument: str, *, limits: Limits = LIMITS) -> EncoderCheck:
    """Check an encoder's description, its protocol, and the streams of a few small models.

    What is wrong with the encoder is in the result.

    Raises `EncoderError` for an argument that names no encoder, `LinuxRequiredError` on other systems.
    """
    try:
        encoder = load_encoder(argument)
    except EncoderError as error:
        if not error.problems:
            raise
        return EncoderCheck(argument, tuple(EncoderFinding(fault, text) for fault, text in error.problems), {})
    probes = [one for one in cases_for(encoder) if one.case.id in (*PROBES, *OPTION_PROBES)]
    with TemporaryDirectory(prefix="nnc-conformance-") as scratch, EncoderHost(limits, Path(scratch)) as host:
        judged = [_judged(host, encoder, probe) for probe in probes]
    findings = _findings(encoder, judged)
    if not any(result.outcome in (Outcome.PASS, Outcome.CHOICE) and not result.refused for result, _ in judged):
        findings = (*findings, EncoderFinding(Fault.NOTHING_DECODED, NOTHING_ENCODED))
    return EncoderCheck(encoder.name, findings, {result.case: result.outcome for result, _ in judged})


def _judged(host: EncoderHost, encoder: EncoderSpec, probe: CaseInput) -> tuple[EncoderCaseResult, str]:
    """Return the result of a probe, and the end of the encoder's standard error."""
    files = [dump_safetensors(tensors) for tensors in probe.inputs]
    repeats = [encode_steps(host, encoder, probe.case, files) for _ in range(REPEAT)]
    return judge(probe.case, probe.inputs, encoder, repeats), repeats[0][-1].log.stderr


def _findings(encoder: EncoderSpec, judged: list[tuple[EncoderCaseResult, str]]) -> tuple[EncoderFinding, ...]:
    """Return one finding for each fault and element, with the cases that show it."""
    by_cause: dict[tuple[Fault, str], list[tuple[EncoderCaseResult, str]]] = {}
    for result, stderr in judged:
        if OUTCOMES[result.outcome].fails and result.fault is not None:
            by_cause.setdefault((result.fault, result.element), []).append((result, stderr))
    return tuple(
        EncoderFinding(
            fault,
            rows[0][0].message + (f"; element {element}" if element else ""),
            tuple(result.case for result, _ in rows),
            rows[0][1],
            reproduce(encoder.argument, rows[0][0].case),
        )
        for (fault, element), rows in by_cause.items()
    )
