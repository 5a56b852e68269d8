"""How every worked example is tried: check-decoder, the built-in vectors, and the streams on which
two independent codecs agree.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from helpers.samples import SAMPLES
from hostile import support

from nnc_conformance.storage.vector import EDITIONS, Level
from nnc_conformance.suites.checking.check import check_decoder
from nnc_conformance.suites.decoders.load import load_decoder
from nnc_conformance.suites.judging.claims import contradicted
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import CaseResult, Verdict
from nnc_conformance.suites.running.decoder_run import run
from nnc_conformance.suites.running.runner import RunOptions
from nnc_conformance.suites.running.selection import select

EXAMPLES = Path(__file__).parents[2] / "examples"
LEVELS = (Level.CORE, Level.NEGATIVE, Level.INFERRED)
RIGHT = (Outcome.PASS, Outcome.CHOICE)
"""What a decoder may do with what it supports; a choice is one that the vector lists for a disputed
point.
"""


def others_than_right(cases: Iterable[CaseResult]) -> list[tuple[str, str]]:
    return [(case.vector, case.message) for case in cases if case.outcome not in (*RIGHT, Outcome.UNSUPPORTED)]


def has_no_findings(decoder: Path) -> None:
    check = check_decoder(str(decoder))
    assert not check.findings, check.findings
    assert all(shown.passed == shown.probes > 0 for shown in check.capabilities.values() if shown.declared)


def passes_its_must_pass_set(decoder: Path, output: Path) -> None:
    spec = load_decoder(str(decoder))
    results = run(select(None, LEVELS), [spec], output, levels=LEVELS, options=RunOptions(jobs=2))
    assert not (others := others_than_right(results.cases)), others
    assert results.verdict() is Verdict.AS_EXPECTED
    assert contradicted(results) == ()
    for case in results.cases:
        if set(case.flags) <= set(spec.capabilities) and case.policy is None:
            assert case.outcome in RIGHT, case.vector
    passed = {case.vector for case in results.cases if case.outcome is Outcome.PASS}
    assert {stored.vector.edition for stored in select(None, LEVELS).vectors if stored.vector.id in passed} == set(EDITIONS)


def _vector_id(path: Path) -> str:
    return "-".join(re.findall("[a-z0-9]+", path.stem.lower()))


def agrees_with_other_codecs(decoder: Path, folder: Path, least: int, names: str = "*") -> None:
    """What the decoder decodes of the samples of these names is what their codecs agree on.

    ``least``: the least number of samples.
    """
    spec = load_decoder(str(decoder)).model_copy(update={"declared": False})
    vectors = [
        support.make_vector(_vector_id(path), path.read_bytes(), path.with_suffix(".safetensors").read_bytes(), flags=())
        for path in SAMPLES
        if path.match(names)
    ]
    suite = support.write_suite(folder / "suite", vectors)
    cases = run(suite, [spec], folder, levels=[Level.CORE], options=RunOptions(jobs=2)).cases
    assert not (others := others_than_right(cases)), others
    passed = sum(case.outcome is Outcome.PASS for case in cases)
    assert passed >= least, passed
