"""check-decoder reports each fault of a decoder by its code, with cause and hint, and no other."""

import json
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hostile import support

from nnc_conformance.generator.facts import met_in
from nnc_conformance.reference.syntax.rules import Policy, Provenance
from nnc_conformance.storage.suite_folder import Suite, built_in_root, files_of, load_suite, write_manifest, write_vector
from nnc_conformance.storage.vector import capabilities_of
from nnc_conformance.suites.checking.check import CheckReport, check_decoder
from nnc_conformance.suites.checking.probes import LEVELS, PROBES_FOR_EACH, built_in_probes, chosen, composed_probes
from nnc_conformance.suites.decoders.decoder_spec import DecoderError
from nnc_conformance.suites.results.fault_table import FAULTS, Fault, Severity
from nnc_conformance.suites.results.standing import CaseStanding, standing
from nnc_conformance.suites.sandbox.limits import Limits

LIMITS = Limits(wall_seconds=0.4, cpu_seconds=20)
FIRST_EDITION = capabilities_of(2022)
ALL = json.dumps(FIRST_EDITION)
UNSURE = {CaseStanding.INFERRED, CaseStanding.DISPUTED}


def without(*capabilities: str) -> str:
    return json.dumps(sorted(set(FIRST_EDITION) - set(capabilities)))


@pytest.fixture(scope="module")
def probes(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    return composed_probes(tmp_path_factory.mktemp("probes"))


@pytest.fixture(scope="module")
def table(probes: Suite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    known = {}
    for stored in probes.vectors:
        vector = stored.vector
        row: dict[str, Any] = {"flags": vector.flags}
        for role, file in (("expected", vector.expected), ("topology", vector.topology)):
            if file is not None:
                row[role] = str(stored.folder / file.name)
        known[vector.stream.sha256] = row
    path = tmp_path_factory.mktemp("table") / "table.json"
    path.write_text(json.dumps(known))
    return path


def checked(folder: Path, table: Path, probes: Suite, capabilities: str | None, **behaviour: Any) -> CheckReport:
    """Check the oracle with a behaviour; it declares nothing if ``capabilities`` is None."""
    words = shlex.join([sys.executable, "-S", str(support.HERE / "oracle.py"), str(table), json.dumps(behaviour)])
    more = {} if capabilities is None else {"capabilities": capabilities}
    path = folder / "oracle.toml"
    lines = ['name = "oracle"', 'kind = "worker"', f"command = {json.dumps(words)}", *(f"{key} = {value}" for key, value in more.items())]
    path.write_text("\n".join(lines))
    return check_decoder(str(path), limits=LIMITS, suite=probes)


def codes(check: CheckReport) -> set[Fault]:
    return {finding.fault for finding in check.findings}


def test_a_right_decoder_has_no_findings(tmp_path: Path, table: Path, probes: Suite) -> None:
    check = checked(tmp_path, table, probes, ALL)
    assert check.findings == ()
    assert check.run == check.probes == len(probes.vectors)
    assert all(row.declared and row.passed == row.probes > 0 for name, row in check.capabilities.items() if name in FIRST_EDITION)
    honest = checked(tmp_path, table, probes, without("dq", "lps"), unsupported=["dq", "lps"])
    assert honest.findings == ()
    assert (honest.capabilities["dq"].declared, honest.capabilities["dq"].passed) == (False, 0)


BEHAVIOURS: dict[str, tuple[str | None, dict[str, Any], set[Fault]]] = {
    "claims dq and gets it wrong": (ALL, {"wrong": ["dq"]}, {Fault.WRONG_OUTPUT, Fault.FALSE_CLAIM}),
    "claims lps and says unsupported": (ALL, {"unsupported": ["lps"]}, {Fault.FALSE_UNSUPPORTED, Fault.FALSE_CLAIM}),
    "claims qnt and dies": (ALL, {"crash": ["qnt"]}, {Fault.EXIT_CODE, Fault.FALSE_CLAIM}),
    "does not say that it can do dq": (without("dq"), {}, {Fault.UNDECLARED}),
    "dies of what it does not declare": (without("dq"), {"crash": ["dq"]}, {Fault.NOT_UNSUPPORTED}),
    "declares nothing": (None, {"unsupported": ["block"]}, {Fault.NOTHING_DECLARED}),
    "supports nothing": (ALL, {"unsupported": FIRST_EDITION}, {Fault.FALSE_UNSUPPORTED, Fault.FALSE_CLAIM, Fault.NOTHING_DECODED}),
    "refuses without a category": (ALL, {"silent": True}, {Fault.NO_CATEGORY}),
    "is not the same twice": (ALL, {"fickle": ["raw-float"]}, {Fault.NONDETERMINISTIC, Fault.FALSE_CLAIM}),
    "ends with another code": (ALL, {"code": 3}, {Fault.STOP_EXIT_CODE}),
}


@pytest.mark.slow
@pytest.mark.parametrize(("capabilities", "behaviour", "faults"), BEHAVIOURS.values(), ids=BEHAVIOURS)
def test_each_fault_is_reported(
    tmp_path: Path, table: Path, probes: Suite, capabilities: str | None, behaviour: dict[str, Any], faults: set[Fault]
) -> None:
    check = checked(tmp_path, table, probes, capabilities, **behaviour)
    assert codes(check) == faults
    assert check.errors == sum(FAULTS[fault].severity is Severity.ERROR for fault in [finding.fault for finding in check.findings])
    assert all(finding.cause and finding.hint for finding in check.findings)


def test_a_false_claim_names_the_capability_that_is_false(tmp_path: Path, table: Path, probes: Suite) -> None:
    check = checked(tmp_path, table, probes, ALL, wrong=["float"])
    (claim,) = [finding for finding in check.findings if finding.fault is Fault.FALSE_CLAIM]
    assert claim.cause.startswith("oracle declares float (")
    (wrong,) = [finding for finding in check.findings if finding.fault is Fault.WRONG_OUTPUT]
    assert "probe-dq-float" in wrong.vectors


def inferred(folder: Path, probes: Suite, flag: str) -> Suite:
    """The probes, of which those that need a capability rest on inferred facts."""
    vectors = []
    for stored in probes.vectors:
        vector = stored.vector.model_copy(update={"provenance": Provenance.INFERRED} if flag in stored.vector.flags else {})
        write_vector(folder, vector, {file.name: stored.read(file) for file in files_of(vector)})
        vectors.append(vector)
    write_manifest(folder, vectors)
    return load_suite(folder)


@pytest.mark.slow
def test_a_wrong_inferred_output_is_no_fault(tmp_path: Path, table: Path, probes: Suite) -> None:
    check = checked(tmp_path, table, inferred(tmp_path / "inferred", probes, "qnt"), ALL, wrong=["qnt"])
    assert (codes(check), check.errors) == ({Fault.UNJUDGED_CLAIM}, 0)
    assert Fault.WRONG_OUTPUT in codes(checked(tmp_path, table, probes, ALL, wrong=["qnt"]))


@pytest.mark.slow
@pytest.mark.parametrize("capability", ["aggregate", "pruning", "multiple-elements"])
@pytest.mark.parametrize("behaviour", ["wrong", "refuse"])
def test_a_claim_that_inferred_facts_decide_is_a_warning(
    tmp_path: Path, table: Path, probes: Suite, capability: str, behaviour: str
) -> None:
    check = checked(tmp_path, table, probes, ALL, **{behaviour: [capability]})
    (claim,) = check.findings
    assert (claim.fault, claim.severity, check.errors) == (Fault.UNJUDGED_CLAIM, Severity.WARNING, 0)
    assert claim.cause.startswith(f"oracle declares {capability} (")
    shown = check.capabilities[capability]
    assert (shown.passed, shown.counted, shown.probes > 0) == (0, 0, True)


@pytest.mark.slow
def test_a_decoder_that_refuses_all_that_is_inferred_or_disputed_has_no_errors(tmp_path: Path) -> None:
    whole = load_suite(built_in_root(), levels=LEVELS, verify=False)
    unsure = [stored for stored in whole.vectors if standing(stored.vector.level, stored.vector.provenance) in UNSURE]
    good = replace(whole, vectors=tuple(stored for stored in unsure if stored.vector.negative is None))
    probes = replace(good, vectors=chosen(good.vectors))
    steps = {step.stream.sha256: {"flags": stored.vector.flags} for stored in probes.vectors for step in stored.vector.steps}
    (tmp_path / "table.json").write_text(json.dumps(steps))
    every = capabilities_of(2022, 2024)
    check = checked(tmp_path, tmp_path / "table.json", probes, f'{json.dumps(every)}\nprotocol = "nnc-worker/2"', refuse=every)
    assert {finding.fault for finding in check.findings if finding.severity is Severity.ERROR} == {Fault.NOTHING_DECODED}
    warned = {finding.cause.split()[2] for finding in check.findings if finding.fault is Fault.UNJUDGED_CLAIM}
    assert warned >= {"aggregate", "pruning", "multiple-elements", "pre", "dimension-shift", "topology", "deflate"}


@pytest.mark.slow
def test_a_capability_is_falsely_claimed_if_all_its_good_probes_are_refused(tmp_path: Path) -> None:
    refusing = support.worker(tmp_path, "refuses.py", capabilities=ALL)
    found = check_decoder(refusing, limits=LIMITS)
    claimed = {finding.cause.split()[2] for finding in found.findings if finding.fault is Fault.FALSE_CLAIM}
    assert claimed >= {"int", "float", "block", "raw-float"}
    assert Fault.UNJUDGED_CLAIM not in codes(found)
    assert Fault.NOTHING_DECODED in codes(found)
    assert all(row.passed == 0 for row in found.capabilities.values())


def test_a_crash_is_reported_with_standard_error(tmp_path: Path, table: Path, probes: Suite) -> None:
    (finding, *_) = checked(tmp_path, table, probes, ALL, crash=["qnt"]).findings
    assert (finding.cause, finding.stderr) == ("exit code 9 in place of an answer", "cannot go on")
    assert set(finding.vectors) == {"probe-int-qnt", "probe-int-qnt-cut"}


def test_a_worker_that_dies_at_its_start_is_reported_with_standard_error(tmp_path: Path, probes: Suite) -> None:
    (tmp_path / "dies.py").write_text("import sys\nsys.exit('libexample.so.3: cannot open shared object file')\n")
    words = f"{sys.executable} -S {tmp_path / 'dies.py'}"
    findings = check_decoder(support.decoder_toml(tmp_path, "dies", "worker", words), suite=probes).findings
    (finding,) = [finding for finding in findings if finding.fault is Fault.EXIT_CODE]
    assert finding.stderr == "libexample.so.3: cannot open shared object file"


def test_tensors_from_broken_streams_are_reported(tmp_path: Path, table: Path, probes: Suite) -> None:
    known = json.loads(table.read_text())
    any_tensors = next(row["expected"] for row in known.values() if "expected" in row)
    assert codes(checked(tmp_path, table, probes, ALL, accepts=any_tensors)) == {Fault.ACCEPTED_BAD}


@pytest.mark.slow
def test_a_claim_holds_for_broken_streams_too(tmp_path: Path, table: Path, probes: Suite) -> None:
    check = checked(tmp_path, table, probes, ALL, unsupported_bad=["lps"])
    (finding,) = check.findings
    assert (finding.fault, finding.vectors) == (Fault.FALSE_UNSUPPORTED, ("probe-float-lps-cut",))
    known = json.loads(table.read_text())
    any_tensors = next(row["expected"] for row in known.values() if "expected" in row)
    (finding,) = checked(tmp_path, table, probes, ALL, accepts=any_tensors, accepts_bad=["dq"]).findings
    assert (finding.fault, finding.vectors) == (Fault.ACCEPTED_BAD, ("probe-dq-float-cut",))


@pytest.mark.slow
def test_a_decoder_that_hangs_gets_few_probes(tmp_path: Path, table: Path, probes: Suite) -> None:
    check = checked(tmp_path, table, probes, ALL, hang=FIRST_EDITION)
    assert codes(check) == {Fault.TIMEOUT, Fault.FALSE_CLAIM, Fault.NOTHING_DECODED}
    assert check.run < check.probes


def test_a_worker_that_ignores_stop_is_reported(tmp_path: Path, table: Path, probes: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnc_conformance.suites.checking.stopping.STOP_SECONDS", 0.3)
    assert codes(checked(tmp_path, table, probes, ALL, stays=True)) == {Fault.STOP_IGNORED}


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("name = x", [Fault.TOML_SYNTAX]),
        ('name = "x"\nkind = "worker"\nspeed = 1', [Fault.TOML_KEY, Fault.TOML_KEY]),
        ('name = "x"\nkind = "slave"\ncommand = "true"', [Fault.TOML_KEY]),
        ('name = "x"\nkind = "worker"\ncommand = "true"\ncapabilities = "int"', [Fault.TOML_KEY]),
        ('name = "x"\nkind = "worker"\ncommand = "true"\ncapabilities = ["ints"]', [Fault.UNKNOWN_CAPABILITY]),
        ('name = "x"\nkind = "worker"\ncommand = "true"\n[errors]\n"(" = "size"\n"x" = "sice"', [Fault.ERROR_MAP, Fault.ERROR_MAP]),
        ('name = "x"\nkind = "worker"\ncommand = "\'"', [Fault.COMMAND_WORDS]),
        ('name = "x"\nkind = "worker"\ncommand = "no-such-program"', [Fault.COMMAND_NOT_FOUND]),
        ('name = "x"\nkind = "command"\ncommand = "true {stream}"', [Fault.COMMAND_PLACEHOLDERS]),
        ('name = "x"\nkind = "python"\ncommand = "function"', [Fault.FUNCTION_NAME]),
    ],
)
def test_every_fault_of_a_description_is_reported(tmp_path: Path, text: str, faults: list[Fault]) -> None:
    path = tmp_path / "decoder.toml"
    path.write_text(text)
    check = check_decoder(str(path))
    assert sorted(finding.fault for finding in check.findings) == sorted(faults)
    assert check.probes == 0


def test_what_names_no_decoder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DecoderError, match="neither"):
        check_decoder(str(tmp_path / "decoder.toml"))


@pytest.mark.slow
def test_a_command_without_a_place_for_its_topology_is_warned(tmp_path: Path, probes: Suite) -> None:
    words = f"{sys.executable} -S {support.HERE / 'toy.py'} {{stream}} {{output}}"
    path = support.decoder_toml(tmp_path, "toy", "command", words, capabilities=ALL)
    assert codes(check_decoder(path, suite=probes)) >= {Fault.NO_TOPOLOGY_PLACEHOLDER, Fault.REFUSED_GOOD, Fault.NOTHING_DECODED}


def test_composed_probes_need_what_they_say(probes: Suite) -> None:
    assert {flag for stored in probes.vectors for flag in stored.vector.flags} == set(FIRST_EDITION)
    for stored in probes.vectors:
        if stored.vector.negative is None:
            assert met_in(stored.read(stored.vector.stream)).flags == stored.vector.flags
    assert {flag for stored in probes.vectors if stored.vector.negative for flag in stored.vector.flags} == set(FIRST_EDITION)


def test_built_in_probes_are_few_and_need_every_capability() -> None:
    probes = built_in_probes([2022])
    assert probes is not None
    assert {flag for stored in probes.vectors for flag in stored.vector.flags} == set(FIRST_EDITION)
    refused = [stored.vector.negative for stored in probes.vectors if stored.vector.negative is not None]
    assert all(one.policy is Policy.MUST for one in refused)
    assert {flag for stored in probes.vectors if stored.vector.negative for flag in stored.vector.flags} == set(FIRST_EDITION)
    assert len(probes.vectors) <= PROBES_FOR_EACH * (len(FIRST_EDITION) + len({one.category for one in refused})) + len(FIRST_EDITION)


def test_every_fault_has_a_meaning() -> None:
    assert set(FAULTS) == set(Fault)
    assert all(meaning.what and meaning.hint for meaning in FAULTS.values())


def command_line(*arguments: str) -> "subprocess.CompletedProcess[str]":
    start = "from nnc_conformance.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", start, "check-decoder", *arguments], capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.slow
def test_the_command_line_says_how_to_fix_it(tmp_path: Path) -> None:
    path = support.decoder_toml(tmp_path, "dead", "worker", f'{sys.executable} -S {support.HERE / "worker_faults.py"} "dies at start"')
    done = command_line(path)
    assert done.returncode == 1
    assert "error exit-code: at its start: exit code 7 in place of an answer" in done.stdout
    assert "    hint: " in done.stdout
    command = next(line for line in done.stdout.splitlines() if line.startswith("    nnc-conformance run "))
    assert "--filter id=" in command
    document = json.loads(command_line(path, "--json").stdout)
    assert document["errors"] >= 1
    assert {finding["code"] for finding in document["findings"]} >= {"exit-code", "nothing-decoded"}
    done = command_line(str(tmp_path / "none.toml"))
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
