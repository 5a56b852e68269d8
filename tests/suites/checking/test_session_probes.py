"""check-decoder tries the capabilities of the second edition, with sessions, on decoders that
declare any.
"""

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.sampling import sampled
from helpers.update_sessions import SEQUENCES, bits_of
from hostile import support

from nnc_conformance.generator.facts import met_in_session
from nnc_conformance.reference import BaseModel
from nnc_conformance.storage.safetensors_format import load_safetensors
from nnc_conformance.storage.suite_folder import Suite
from nnc_conformance.storage.vector import capabilities_of
from nnc_conformance.suites.checking.check import CheckReport, check_decoder
from nnc_conformance.suites.checking.probes import PROBES_FOR_EACH
from nnc_conformance.suites.checking.sample_probes import sample_probes
from nnc_conformance.suites.decoders.decoder_spec import APPLY_UPDATES
from nnc_conformance.suites.results.fault_table import Fault, Severity
from nnc_conformance.suites.sandbox.limits import Limits

LIMITS = Limits(wall_seconds=10)
ALL = capabilities_of(2022, 2024)
TRIED = set(capabilities_of(2024)) - {APPLY_UPDATES}
REFUSED = ("row-skip", "updates", "tca", "pre", "hdsp", "dimension-shift")
"""Capabilities whose good probes a decoder refuses."""


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    return sample_probes(tmp_path_factory.mktemp("samples"))


@pytest.fixture(scope="module")
def table(samples: Suite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    known: dict[str, dict[str, Any]] = {}
    for stored in samples.vectors:
        for step in stored.vector.steps:
            row: dict[str, Any] = {"flags": stored.vector.flags}
            files = {"expected": step.expected, "topology": step.topology, "model": step.model or step.expected}
            row |= {role: str(stored.folder / file.name) for role, file in files.items() if file is not None}
            known.setdefault(step.stream.sha256, row)
    path = tmp_path_factory.mktemp("table") / "table.json"
    path.write_text(json.dumps(known))
    return path


def checked(folder: Path, table: Path, samples: Suite, capabilities: tuple[str, ...] = ALL, **behaviour: Any) -> CheckReport:
    words = shlex.join([sys.executable, "-S", str(support.HERE / "oracle.py"), str(table), json.dumps(behaviour)])
    path = folder / "oracle.toml"
    path.write_text(
        f"name = 'oracle'\nkind = 'worker'\nprotocol = 'nnc-worker/2'\ncommand = {json.dumps(words)}\ncapabilities = {list(capabilities)}\n"
    )
    return check_decoder(str(path), limits=LIMITS, suite=samples)


def test_each_capability_has_two_good_samples_and_a_broken_one(samples: Suite) -> None:
    vectors = [stored.vector for stored in samples.vectors]
    for capability in TRIED:
        assert sum(capability in one.flags for one in vectors if one.negative is None) >= PROBES_FOR_EACH, capability
        assert sum(capability in one.flags for one in vectors if one.negative is not None) >= 1, capability
    assert sum(len(one.steps) > 1 for one in vectors if one.negative is None) >= PROBES_FOR_EACH


def test_the_samples_need_what_they_say_and_are_those_of_two_codecs(samples: Suite) -> None:
    names = {name.partition("/")[2]: name for name in SEQUENCES}
    compared = 0
    for stored in samples.vectors:
        if stored.vector.negative is not None:
            continue
        streams = [stored.read(step.stream) for step in stored.vector.steps]
        assert met_in_session(streams, base=BaseModel()).flags == stored.vector.flags
        name = stored.vector.id.removeprefix("probe-")
        if name in names:
            sequence = SEQUENCES[names[name]]
            assert streams == sequence.streams[: len(streams)]
            for step, tensors in zip(stored.vector.steps, sequence.tensors, strict=False):
                assert step.expected is not None
                assert bits_of(load_safetensors(stored.read(step.expected))) == bits_of(tensors)
            compared += 1
    assert compared >= PROBES_FOR_EACH


def test_a_right_decoder_of_sessions_has_no_findings(tmp_path: Path, table: Path, samples: Suite) -> None:
    check = checked(tmp_path, table, samples)
    assert check.findings == ()
    assert check.run == len(samples.vectors)
    for capability in (*TRIED, APPLY_UPDATES):
        shown = check.capabilities[capability]
        assert shown.passed == shown.probes >= PROBES_FOR_EACH, capability


@pytest.mark.parametrize("capability", sampled([(name, (name,)) for name in REFUSED], 3))
def test_a_capability_whose_good_probes_are_refused_is_a_false_claim(tmp_path: Path, table: Path, samples: Suite, capability: str) -> None:
    check = checked(tmp_path, table, samples, refuse=[capability])
    fault = Fault.UNJUDGED_CLAIM if capability in ("pre", "dimension-shift") else Fault.FALSE_CLAIM
    claims = [finding.cause for finding in check.findings if finding.fault is fault]
    assert any(cause.startswith(f"oracle declares {capability} (") for cause in claims), claims


def test_a_model_that_is_never_given_is_a_false_claim(tmp_path: Path, table: Path, samples: Suite) -> None:
    (finding,) = checked(tmp_path, table, samples, no_model=True).findings
    assert finding.fault is Fault.FALSE_CLAIM
    assert finding.cause.startswith("oracle declares apply-updates (")


def test_a_model_that_is_never_right_is_no_error(tmp_path: Path, table: Path, samples: Suite) -> None:
    check = checked(tmp_path, table, samples, wrong_model=True)
    assert [(finding.fault, finding.severity) for finding in check.findings] == [(Fault.UNJUDGED_CLAIM, Severity.WARNING)]
    assert check.findings[0].cause.startswith("oracle declares apply-updates (")


def test_the_model_is_not_asked_of_others(tmp_path: Path, table: Path, samples: Suite) -> None:
    check = checked(tmp_path, table, samples, tuple(name for name in ALL if name != APPLY_UPDATES))
    assert check.findings == ()
    assert check.capabilities[APPLY_UPDATES].probes == 0


def test_a_decoder_of_the_first_edition_is_not_asked(tmp_path: Path, table: Path, samples: Suite) -> None:
    check = checked(tmp_path, table, samples, capabilities_of(2022))
    assert check.run == 0
    assert {finding.fault for finding in check.findings} == {Fault.NOTHING_DECODED}


@pytest.mark.slow
def test_vectors_and_samples_together_try_every_capability_of_the_reference() -> None:
    check = check_decoder("in-tree")
    assert check.findings == ()
    assert check.run == check.probes
    assert all(shown.passed == shown.probes >= PROBES_FOR_EACH for shown in check.capabilities.values())
