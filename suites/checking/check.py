"""Tells the maker of a decoder what is wrong with it: its description, its talk, its output, and what it says of itself."""

import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from nnc_conformance.reference.errors import Category
from nnc_conformance.storage.suite_folder import Suite
from nnc_conformance.storage.vector import CAPABILITIES
from nnc_conformance.suites.checking.probes import built_in_probes, composed_probes
from nnc_conformance.suites.checking.stopping import stop_fault
from nnc_conformance.suites.decoders.decoder_spec import ALL_CAPABILITIES, DecoderError, DecoderKind, DecoderSpec
from nnc_conformance.suites.decoders.load import load_decoder
from nnc_conformance.suites.judging.claims import RIGHT, GoodCase, false_claims
from nnc_conformance.suites.results.fault_table import FAULTS, Fault, Severity
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import CaseResult
from nnc_conformance.suites.results.run_document import CaseLog
from nnc_conformance.suites.running.decoding import DECODING, decoding_setup, plan
from nnc_conformance.suites.running.invocation import Invocation
from nnc_conformance.suites.running.process_pool import ProcessPool
from nnc_conformance.suites.sandbox.limits import Limits

LIMITS: Final = Limits(wall_seconds=20.0, cpu_seconds=80.0)
REPEAT: Final = 2
PATIENCE: Final = 3
"""After so many time-outs no further probe is run."""
_STDERR_LENGTH: Final = 1000
_UNKNOWN: Final = {Category.RESERVED, Category.UNSUPPORTED}
"""What a stream is broken by that a decoder may take for something which it does not support."""
_NO_ANSWER: Final = {Outcome.CRASH, Outcome.TIMEOUT, Outcome.LIMIT, Outcome.PROTOCOL}


@dataclass(frozen=True)
class DecoderFinding:
    """One fault: what was seen, the probes that showed it, the end of standard error there, and a command that shows it again."""

    fault: Fault
    cause: str
    vectors: tuple[str, ...] = ()
    stderr: str = ""
    reproduce: str = ""

    @property
    def severity(self) -> Severity:
        """Whether it is an error."""
        return FAULTS[self.fault].severity

    @property
    def hint(self) -> str:
        """What to do about it."""
        return FAULTS[self.fault].hint


@dataclass(frozen=True)
class CapabilityProbes:
    """What the probes showed of a capability: whether it is declared, and how many of the good streams that need it were decoded."""

    declared: bool
    passed: int
    probes: int


@dataclass(frozen=True)
class CheckReport:
    """What a check found; ``run`` of the ``probes`` were given to the decoder. Without probes its description was at fault."""

    decoder: str
    findings: tuple[DecoderFinding, ...]
    probes: int = 0
    run: int = 0
    capabilities: Mapping[str, CapabilityProbes] = field(default_factory=dict)

    @property
    def errors(self) -> int:
        """How many findings are errors."""
        return sum(finding.severity is Severity.ERROR for finding in self.findings)


@dataclass(frozen=True)
class ProbeResult:
    """One probe's result, judged as if all were declared, its log, and what it needs that is not declared."""

    case: CaseResult
    log: CaseLog
    missing: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether the stream is a good one."""
        return self.case.policy is None

    @property
    def decoded(self) -> bool:
        """Whether it is a good one and was decoded rightly; where that is disputed, any choice will do of what is declared."""
        return self.good and (self.case.outcome is Outcome.PASS or (self.case.outcome in RIGHT and not self.missing))


def check_decoder(
    argument: str, *, limits: Limits = LIMITS, suite: Suite | None = None, progress: Callable[[int, int], None] = lambda done, planned: None
) -> CheckReport:
    """Checks the decoder of a ``--decoder`` argument with probe vectors (of ``suite``, where it is given) under ``limits``.

    Raises `DecoderError` where the argument names no decoder, and what `ProcessPool.run` raises.
    """
    try:
        decoder = load_decoder(argument)
    except DecoderError as error:
        if not error.problems:
            raise
        return CheckReport(argument, tuple(DecoderFinding(fault, cause) for fault, cause in error.problems))
    built_in = None if suite is not None else built_in_probes()
    with tempfile.TemporaryDirectory(prefix="nnc-conformance-") as scratch:
        probes = suite or built_in or composed_probes(Path(scratch, "probes"))
        probed = run_probes(decoder, probes, limits, Path(scratch, "cases"), progress)
    invocation = Invocation("", {decoder.name: argument}, limits, REPEAT) if built_in is not None else None
    findings = (*described(decoder), *talked(decoder), *judged(decoder, probed, invocation))
    return CheckReport(decoder.name, findings, len(probes.vectors), len(probed), shown(decoder, probed))


def run_probes(
    decoder: DecoderSpec, probes: Suite, limits: Limits, scratch: Path, progress: Callable[[int, int], None]
) -> tuple[ProbeResult, ...]:
    """Gives every probe to the decoder, whatever it declares; stops after `PATIENCE` time-outs."""
    scratch.mkdir()
    able = decoder.model_copy(update={"capabilities": ALL_CAPABILITIES, "declared": False})
    planned = list(plan(probes, [able]).values())
    setup = decoding_setup(probes, [able], limits, REPEAT, str(scratch))
    probed: list[ProbeResult] = []
    with ProcessPool(DECODING, setup, 1) as pool:
        for _, finished in pool.run(planned):
            case = finished.case
            probed.append(ProbeResult(case, finished.log, tuple(sorted(set(case.flags) - set(decoder.capabilities)))))
            progress(len(probed), len(planned))
            if sum(one.case.outcome is Outcome.TIMEOUT for one in probed) == PATIENCE:
                break
    return tuple(probed)


def described(decoder: DecoderSpec) -> Iterable[DecoderFinding]:
    """Yields what is at fault in the description alone."""
    asked = decoder.kind is not DecoderKind.COMMAND or any("{topology}" in word for word in decoder.command)
    if not asked and decoder.declared and "topology" in decoder.capabilities:
        yield DecoderFinding(Fault.NO_TOPOLOGY_PLACEHOLDER, FAULTS[Fault.NO_TOPOLOGY_PLACEHOLDER].what)


def talked(decoder: DecoderSpec) -> Iterable[DecoderFinding]:
    """Yields what is at fault in how a worker ends."""
    if decoder.kind is DecoderKind.WORKER and (found := stop_fault(decoder.command)) is not None:
        yield DecoderFinding(*found)


def judged(decoder: DecoderSpec, probed: Iterable[ProbeResult], invocation: Invocation | None) -> Iterable[DecoderFinding]:
    """Yields what the probes found: one finding for each fault, after the first probe that showed it."""
    faults: dict[Fault, list[ProbeResult]] = {}
    for one in probed:
        fault = fault_of(decoder, one)
        if fault is not None:
            faults.setdefault(fault, []).append(one)
    for fault in (fault for fault in Fault if fault in faults):
        first, *_ = some = faults[fault]
        yield DecoderFinding(
            fault,
            cause_of(fault, some),
            tuple(one.case.vector for one in some),
            first.log.stderr[-_STDERR_LENGTH:].strip(),
            invocation.command(first.case) if invocation is not None else "",
        )
    oblige = [one for one in probed if one.good and not one.missing]
    passed = [GoodCase(one.case.vector, one.case.flags, one.decoded) for one in oblige]
    for claim in false_claims(decoder.name, decoder.capabilities if decoder.declared else (), passed):
        yield DecoderFinding(Fault.FALSE_CLAIM, str(claim), claim.vectors)
    if not any(one.decoded for one in probed):
        yield DecoderFinding(Fault.NOTHING_DECODED, FAULTS[Fault.NOTHING_DECODED].what)


def fault_of(decoder: DecoderSpec, one: ProbeResult) -> Fault | None:
    """Returns what a probe's outcome is at fault in, given what the decoder declares."""
    outcome = one.case.outcome
    if one.missing:
        if one.decoded:
            return Fault.UNDECLARED
        fine = outcome in (Outcome.UNSUPPORTED, Outcome.CHOICE) or (not one.good and outcome not in _NO_ANSWER)
        return None if fine else Fault.NOT_UNSUPPORTED
    if outcome is Outcome.UNSUPPORTED and not one.good:
        return Fault.FALSE_UNSUPPORTED if decoder.declared and one.case.category_expected not in _UNKNOWN else None
    if outcome is Outcome.UNSUPPORTED:
        return Fault.FALSE_UNSUPPORTED if decoder.declared else Fault.NOTHING_DECLARED
    if outcome is Outcome.PASS and not one.good and one.case.category_seen is None:
        return Fault.NO_CATEGORY
    return one.case.fault


def cause_of(fault: Fault, some: list[ProbeResult]) -> str:
    """Returns in a sentence what was seen of a fault."""
    first = some[0]
    if fault in (Fault.UNDECLARED, Fault.NOT_UNSUPPORTED):
        missing = ", ".join(sorted({name for one in some for name in one.missing}))
        how = "decoded rightly" if fault is Fault.UNDECLARED else f"{first.case.outcome}: {first.case.message}"
        return f"streams that need {missing}, not declared: {how}"
    if fault in (Fault.FALSE_UNSUPPORTED, Fault.NOTHING_DECLARED):
        needed = ", ".join(sorted({name for one in some for name in one.case.flags}))
        return f"it says unsupported to streams that need {needed}"
    if fault is Fault.NO_CATEGORY:
        return f"{len(some)} refusals without a category"
    return f"{first.case.message}: {first.log.detail}" if first.log.detail else first.case.message


def shown(decoder: DecoderSpec, probed: Iterable[ProbeResult]) -> dict[str, CapabilityProbes]:
    """Returns for each capability of the closed list what the probes showed; one that needs undeclared ones shows of these alone."""
    table = {name: CapabilityProbes(decoder.declared and name in decoder.capabilities, 0, 0) for name in CAPABILITIES}
    for one in probed:
        for name in (one.missing or one.case.flags) if one.good else ():
            row = table[name]
            table[name] = replace(row, passed=row.passed + one.decoded, probes=row.probes + 1)
    return table
