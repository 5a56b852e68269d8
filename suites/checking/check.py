"""Check of a decoder: its description, its protocol, its output and its claims."""

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from nnc_conformance.reference.errors import Category
from nnc_conformance.storage.suite_folder import Suite
from nnc_conformance.storage.vector import CAPABILITIES, EDITIONS
from nnc_conformance.suites.checking.probes import built_in_probes, composed_probes
from nnc_conformance.suites.checking.sample_probes import sample_probes
from nnc_conformance.suites.checking.stopping import stop_fault
from nnc_conformance.suites.decoders.decoder_spec import ALL_CAPABILITIES, APPLY_UPDATES, DecoderError, DecoderKind, DecoderSpec
from nnc_conformance.suites.decoders.load import load_decoder
from nnc_conformance.suites.judging.claims import GoodCase, can_count, false_claims, is_decoded
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
"""Times that each probe is run."""
PATIENCE: Final = 3
"""Timeouts after which no further probe is run."""
_STDERR_LENGTH: Final = 1000
"""Characters of standard error that a finding has, from its end."""
_LOOKS_UNSUPPORTED: Final = {Category.RESERVED, Category.UNSUPPORTED}
"""Categories of broken streams that a decoder may believe to be good but unsupported."""
_DISAGREES: Final = {Outcome.FAIL, Outcome.REFUSED, Outcome.WRONGLY_ACCEPTED, Outcome.UNSUPPORTED}
"""Outcomes of a decoder that answers, but not as expected."""
_NO_ANSWER: Final = {Outcome.CRASH, Outcome.TIMEOUT, Outcome.LIMIT, Outcome.PROTOCOL}


@dataclass(frozen=True)
class DecoderFinding:
    """One fault of a decoder.

    Attributes:
        fault: Its code.
        cause: What was seen.
        vectors: Probes that showed it.
        stderr: End of the standard error at the first of them.
        reproduce: Command that shows it again, or "".
    """

    fault: Fault
    cause: str
    vectors: tuple[str, ...] = ()
    stderr: str = ""
    reproduce: str = ""

    @property
    def severity(self) -> Severity:
        """Error or warning."""
        return FAULTS[self.fault].severity

    @property
    def hint(self) -> str:
        """How to fix it."""
        return FAULTS[self.fault].hint


@dataclass(frozen=True)
class CapabilityProbes:
    """Probe results for one capability.

    Attributes:
        declared: Whether the decoder declares it.
        passed: Good probes that need it and were decoded correctly.
        probes: Good probes that need it.
        counted: How many of these rest on no inferred or disputed fact.
    """

    declared: bool
    passed: int
    probes: int
    counted: int


@dataclass(frozen=True)
class CheckReport:
    """Report of a check.

    Attributes:
        decoder: Name of the decoder, or its argument if its description is at fault.
        findings: The faults.
        probes: Probes that there are; 0 if the description is at fault.
        run: Probes that the decoder was given.
        capabilities: What the probes showed about each capability.
    """

    decoder: str
    findings: tuple[DecoderFinding, ...]
    probes: int = 0
    run: int = 0
    capabilities: Mapping[str, CapabilityProbes] = field(default_factory=dict)

    @property
    def errors(self) -> int:
        """Number of findings that are errors."""
        return sum(finding.severity is Severity.ERROR for finding in self.findings)


@dataclass(frozen=True)
class ProbeResult:
    """Result of one probe, judged as if the decoder declared everything.

    Attributes:
        case: The result.
        log: How it went.
        missing: Capabilities that the probe needs and the decoder does not declare.
        built_in: Whether `run` can repeat it; a sample is not in the suite.
    """

    case: CaseResult
    log: CaseLog
    missing: tuple[str, ...]
    built_in: bool = True

    @property
    def good(self) -> bool:
        """Whether the stream is good."""
        return self.case.policy is None

    @property
    def decoded(self) -> bool:
        """Whether the stream is good and was decoded correctly.

        A disputed one may be decoded by any choice, if everything that it needs is declared.
        """
        passed = self.case.outcome is Outcome.PASS or not self.missing
        return self.good and passed and is_decoded(self.case)

    @property
    def model_right(self) -> bool | None:
        """Whether the model after each step of a good session is right.

        It is None for other probes.
        """
        steps = self.case.judged_steps
        if not self.good or self.missing or len(steps) < 2:
            return None
        return self.decoded and all(step.model is not None and step.model.right for step in steps)

    @property
    def counts(self) -> bool:
        """Whether its result can show a fault: it rests on no inferred or disputed fact."""
        return can_count(self.case)


def check_decoder(
    argument: str, *, limits: Limits = LIMITS, suite: Suite | None = None, progress: Callable[[int, int], None] = lambda done, planned: None
) -> CheckReport:
    """Check a decoder with probes.

    Args:
        argument: The ``--decoder`` argument.
        limits: Limits of each probe.
        suite: Vectors to use as probes, in place of those of the built-in suite.
        progress: Progress callback: (done, total).

    Raises `DecoderError` if the argument names no decoder, and what `PoolProcess` raises.
    """
    try:
        decoder = load_decoder(argument)
    except DecoderError as error:
        if not error.problems:
            raise
        return CheckReport(argument, tuple(DecoderFinding(fault, cause) for fault, cause in error.problems))
    built_in = None if suite is not None else built_in_probes(decoder.editions)
    with tempfile.TemporaryDirectory(prefix="nnc-conformance-") as scratch:
        probes = [suite or built_in or composed_probes(Path(scratch, "probes"))]
        if suite is None and EDITIONS[-1] in decoder.editions:
            probes.append(sample_probes(Path(scratch, "samples"), probes[0].vectors))
        probed = run_probes(decoder, probes, limits, Path(scratch, "cases"), progress)
    invocation = Invocation("", {decoder.name: argument}, limits, REPEAT) if built_in is not None else None
    findings = (*description_faults(decoder), *stop_faults(decoder), *probe_faults(decoder, probed, invocation))
    planned = sum(len(one.vectors) for one in probes)
    return CheckReport(decoder.name, findings, planned, len(probed), capability_probes(decoder, probed))


def run_probes(
    decoder: DecoderSpec, suites: Sequence[Suite], limits: Limits, scratch: Path, progress: Callable[[int, int], None]
) -> tuple[ProbeResult, ...]:
    """Run a decoder on all probes, also on those that need undeclared capabilities.

    It stops after `PATIENCE` timeouts. Only a decoder that declares it is asked for the model after
    a step.

    Args:
        decoder: The decoder.
        suites: The suites of probes; the first is the built-in one or the user's.
        limits: Limits of each probe.
        scratch: Folder for temporary files.
        progress: Progress callback: (done, total).
    """
    all_but_model = set(ALL_CAPABILITIES) - ({APPLY_UPDATES} - set(decoder.capabilities))
    able = decoder.model_copy(update={"capabilities": tuple(sorted(all_but_model)), "declared": False})
    plans = [list(plan(probes, [able], decoder.editions).values()) for probes in suites]
    probed: list[ProbeResult] = []
    for number, (probes, planned) in enumerate(zip(suites, plans, strict=True)):
        folder = scratch / str(number)
        folder.mkdir(parents=True)
        with ProcessPool(DECODING, decoding_setup(probes, [able], limits, REPEAT, str(folder)), 1) as pool:
            for _, finished in pool.run(planned):
                case = finished.case
                missing = tuple(sorted(set(case.flags) - set(decoder.capabilities)))
                probed.append(ProbeResult(case, finished.log, missing, built_in=number == 0))
                progress(len(probed), sum(map(len, plans)))
                if sum(one.case.outcome is Outcome.TIMEOUT for one in probed) == PATIENCE:
                    return tuple(probed)
    return tuple(probed)


def description_faults(decoder: DecoderSpec) -> Iterable[DecoderFinding]:
    """Yield a finding for each declared capability whose output has no placeholder in the command."""
    lacks_placeholder = decoder.kind is DecoderKind.COMMAND and not decoder.gives_topology
    if lacks_placeholder and decoder.declared and "topology" in decoder.capabilities:
        yield DecoderFinding(Fault.NO_TOPOLOGY_PLACEHOLDER, FAULTS[Fault.NO_TOPOLOGY_PLACEHOLDER].what)
    if decoder.declared and APPLY_UPDATES in decoder.capabilities and not decoder.gives_model:
        yield DecoderFinding(Fault.NO_MODEL_PLACEHOLDER, FAULTS[Fault.NO_MODEL_PLACEHOLDER].what)


def stop_faults(decoder: DecoderSpec) -> Iterable[DecoderFinding]:
    """Start a worker, ask it to stop, and yield a finding if it does not.

    It must stop as the protocol requires. Nothing is yielded for decoders of another kind.
    """
    if decoder.kind is DecoderKind.WORKER and (found := stop_fault(decoder.command, decoder.protocol)) is not None:
        yield DecoderFinding(*found)


def probe_faults(decoder: DecoderSpec, probed: Iterable[ProbeResult], invocation: Invocation | None) -> Iterable[DecoderFinding]:
    """Yield a finding for each fault that probes showed.

    Args:
        decoder: The decoder, with its declared capabilities.
        probed: The results of the probes.
        invocation: Gives the command that repeats a probe; None for none.
    """
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
            invocation.command(first.case) if invocation is not None and first.built_in else "",
        )
    yield from claim_faults(decoder, probed)
    if not any(one.decoded for one in probed):
        yield DecoderFinding(Fault.NOTHING_DECODED, FAULTS[Fault.NOTHING_DECODED].what)


def claim_faults(decoder: DecoderSpec, probed: Iterable[ProbeResult]) -> Iterable[DecoderFinding]:
    """Yield a finding for each declared capability that no good probe confirms.

    It is an error if a probe that can count needs the capability, else a warning, unless the probe
    needs a falsely claimed one, too. Probes that need undeclared capabilities show nothing. A model
    after a step is never counted, but must be given.
    """
    declared = decoder.capabilities if decoder.declared else ()
    oblige = [one for one in probed if one.good and not one.missing]
    counted = [GoodCase(one.case.vector, one.case.flags, one.decoded) for one in oblige if one.counts]
    models = models_shown(decoder, probed)
    given = [replace(one, passed=one.passed or not lacking) for one, lacking in models]
    false = false_claims(decoder.name, declared, [*counted, *given])
    yield from (DecoderFinding(Fault.FALSE_CLAIM, str(claim), claim.vectors) for claim in false)
    blamed = {claim.capability for claim in false}
    known = {flag for one in counted for flag in one.flags}
    others = [
        GoodCase(one.case.vector, tuple(flag for flag in one.case.flags if flag not in known), one.decoded)
        for one in oblige
        if not one.counts and not blamed & set(one.case.flags)
    ]
    right = [one for one, lacking in models if not lacking]
    for claim in false_claims(decoder.name, declared, [*others, *right]):
        yield DecoderFinding(Fault.UNJUDGED_CLAIM, claim.unjudged, claim.vectors)


def models_shown(decoder: DecoderSpec, probed: Iterable[ProbeResult]) -> list[tuple[GoodCase, bool]]:
    """Return the sessions that try the decoder's model, each with whether a model is lacking."""
    if not decoder.gives_model:
        return []
    return [
        (GoodCase(one.case.vector, (APPLY_UPDATES,), one.model_right), any(step.model is None for step in one.case.judged_steps))
        for one in probed
        if one.model_right is not None
    ]


def fault_of(decoder: DecoderSpec, one: ProbeResult) -> Fault | None:
    """Return the fault that a probe's outcome shows, given what the decoder declares.

    Returns None if it shows no fault; to disagree on an inferred or disputed fact is none.
    """
    outcome = one.case.outcome
    if not one.counts and outcome in _DISAGREES:
        return None
    if one.missing:
        if one.decoded:
            return Fault.UNDECLARED
        fine = outcome in (Outcome.UNSUPPORTED, Outcome.CHOICE) or (not one.good and outcome not in _NO_ANSWER)
        return None if fine else Fault.NOT_UNSUPPORTED
    if outcome is Outcome.UNSUPPORTED and not one.good:
        return Fault.FALSE_UNSUPPORTED if decoder.declared and one.case.category_expected not in _LOOKS_UNSUPPORTED else None
    if outcome is Outcome.UNSUPPORTED:
        return Fault.FALSE_UNSUPPORTED if decoder.declared else Fault.NOTHING_DECLARED
    if outcome is Outcome.PASS and not one.good and one.case.category_seen is None:
        return Fault.NO_CATEGORY
    return one.case.fault


def cause_of(fault: Fault, some: list[ProbeResult]) -> str:
    """Describe in one sentence how probes showed a fault.

    Args:
        fault: The fault.
        some: The probes that showed it, at least one.
    """
    first = some[0]
    if fault in (Fault.UNDECLARED, Fault.NOT_UNSUPPORTED):
        missing = ", ".join(sorted({name for one in some for name in one.missing}))
        how = "decoded correctly" if fault is Fault.UNDECLARED else f"{first.case.outcome}: {first.case.message}"
        return f"streams that need {missing}, not declared: {how}"
    if fault in (Fault.FALSE_UNSUPPORTED, Fault.NOTHING_DECLARED):
        needed = ", ".join(sorted({name for one in some for name in one.case.flags}))
        return f"it answers unsupported to streams that need {needed}"
    if fault is Fault.NO_CATEGORY:
        return f"{len(some)} refusals without a category"
    return f"{first.case.message}: {first.log.detail}" if first.log.detail else first.case.message


def capability_probes(decoder: DecoderSpec, probed: Iterable[ProbeResult]) -> dict[str, CapabilityProbes]:
    """Return what the probes showed about each capability of the closed list.

    A probe that needs undeclared capabilities counts for these only.
    """
    table = {name: CapabilityProbes(decoder.declared and name in decoder.capabilities, 0, 0, 0) for name in CAPABILITIES}
    for one in probed:
        for name in (one.missing or one.case.flags) if one.good else ():
            row = table[name]
            table[name] = replace(row, passed=row.passed + one.decoded, probes=row.probes + 1, counted=row.counted + one.counts)
    models = [one for one, _ in models_shown(decoder, probed)]
    table[APPLY_UPDATES] = replace(table[APPLY_UPDATES], passed=sum(one.passed for one in models), probes=len(models))
    return table
