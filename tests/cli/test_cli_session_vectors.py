"""Vectors of several steps as a user meets them: list, run, report, diff, package, pytest."""

import json
from pathlib import Path

import pytest
from helpers.command_line import nnc
from helpers.pytest_process import run_pytest
from helpers.session_suite import write_sessions, wrong_decoder

from nnc_conformance.storage.package import Package
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import Results, SessionResults
from nnc_conformance.suites.results.result_files import load_results


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sessions(tmp_path_factory.mktemp("sessions") / "suite")


def outcomes(results: Results) -> dict[str, Outcome]:
    return {case.vector: case.outcome for case in results.cases}


@pytest.fixture(scope="module")
def runs(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of the reference, and of a decoder that is wrong from the second stream on."""
    folder = tmp_path_factory.mktemp("runs")
    assert nnc("run", suite, "--output", folder / "right", cwd=folder).returncode == 0
    assert nnc("run", suite, "--decoder", wrong_decoder(folder), "--output", folder / "wrong", cwd=folder).returncode == 1
    return folder


def test_list_takes_editions(suite: Path) -> None:
    def ids(*options: str) -> set[str]:
        return {one["id"] for one in json.loads(nnc("list", suite, "--json", *options, cwd=suite).stdout)}

    assert ids() == {"plain", "session", "alone", "bad-last"}
    assert ids("--edition", "2022") == {"plain"}
    assert ids("--edition", "2024") == {"session", "alone", "bad-last"}
    assert ids("--edition", "2022", "--edition", "2024") == ids()
    wrong = nnc("list", suite, "--edition", "2023", cwd=suite)
    assert wrong.returncode == 2
    assert "unknown edition '2023'; choose from 2022, 2024" in " ".join(wrong.stderr.split())


def test_the_reference_passes_every_step(runs: Path) -> None:
    results = load_results(runs / "right")
    assert isinstance(results, SessionResults)
    assert set(outcomes(results).values()) == {Outcome.PASS}
    assert results.editions == (2022, 2024)
    session = next(case for case in results.cases if case.vector == "session")
    assert [step.outcome for step in session.steps] == [Outcome.PASS] * 3
    assert all(step.model is not None and step.model.right for step in session.steps)


def test_the_step_that_fails_is_shown(runs: Path) -> None:
    results = load_results(runs / "wrong")
    assert outcomes(results) == {"plain": Outcome.PASS, "alone": Outcome.PASS, "session": Outcome.FAIL, "bad-last": Outcome.PASS}
    failed = next(case for case in results.cases if case.vector == "session")
    assert [step.outcome for step in failed.judged_steps] == [Outcome.PASS, Outcome.FAIL]
    assert failed.message.startswith("step 1: tensor 'w'")
    assert "Steps of the session" in (runs / "wrong" / "report.html").read_text()
    assert "step 0: pass" in (runs / "wrong" / "junit.xml").read_text()
    command = json.loads((runs / "wrong" / "run.json").read_text())["reproduce"]["session@wrong"]
    assert "--edition 2024" in command


def test_diff_compares_runs_of_sessions(runs: Path) -> None:
    done = nnc("diff", runs / "right", runs / "wrong", cwd=runs)
    assert done.returncode == 1
    assert "1 broken; 3 as before" in done.stdout


@pytest.mark.slow
def test_known_failures_of_sessions_do_not_fail(suite: Path, runs: Path, tmp_path: Path) -> None:
    decoder = wrong_decoder(tmp_path)
    listed = tmp_path / "known.toml"
    done = nnc("run", suite, "--decoder", decoder, "--output", tmp_path / "a", "--write-expect-failures", listed, cwd=tmp_path)
    assert done.returncode == 1
    again = nnc("run", suite, "--decoder", decoder, "--output", tmp_path / "b", "--expect-failures", listed, cwd=tmp_path)
    assert (again.returncode, "session" in listed.read_text()) == (0, True)


@pytest.mark.slow
def test_a_decoder_of_the_first_edition_is_not_asked_for_the_second(suite: Path, tmp_path: Path) -> None:
    text = wrong_decoder(tmp_path).read_text()
    declared = tmp_path / "first.toml"
    declared.write_text(text[: text.index("capabilities")] + 'capabilities = ["float", "int", "raw-float", "dq"]\n')
    undeclared = tmp_path / "undeclared.toml"
    undeclared.write_text(text[: text.index("capabilities")])
    for number, decoder in enumerate((declared, undeclared)):
        done = nnc("run", suite, "--decoder", decoder, "--output", tmp_path / str(number), cwd=tmp_path)
        results = load_results(tmp_path / str(number))
        assert (done.returncode, type(results), outcomes(results)) == (0, Results, {"plain": Outcome.PASS})
    nnc("run", suite, "--decoder", declared, "--edition", "2024", "--output", tmp_path / "asked", cwd=tmp_path)
    asked = outcomes(load_results(tmp_path / "asked"))
    assert asked == {"alone": Outcome.UNSUPPORTED, "session": Outcome.UNSUPPORTED, "bad-last": Outcome.UNSUPPORTED}


@pytest.mark.slow
def test_a_run_of_the_first_edition_writes_what_it_always_did(suite: Path, tmp_path: Path) -> None:
    only = write_sessions(tmp_path / "first", without=("session", "alone", "bad-last"))
    nnc("run", only, "--output", tmp_path / "a", cwd=tmp_path)
    nnc("run", suite, "--edition", "2022", "--output", tmp_path / "b", cwd=tmp_path)
    first, second = (json.loads((tmp_path / name / "results.json").read_text()) for name in ("a", "b"))
    assert first["format"] == second["format"] == "nnc-results/1"
    assert (first["cases"], first["decoders"]) == (second["cases"], second["decoders"])
    assert not {"second-edition", "updates"} & set(first["decoders"][0]["capabilities"])


@pytest.mark.slow
def test_a_package_of_sessions_is_of_version_2(suite: Path, tmp_path: Path) -> None:
    package = tmp_path / "vectors.tar"
    first = write_sessions(tmp_path / "first", without=("session", "alone", "bad-last"))
    assert nnc("package", "build", first, tmp_path / "old.tar", cwd=tmp_path).returncode == 0
    done = nnc("package", "build", suite, package, "--previous", tmp_path / "old.tar", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with Package(tmp_path / "old.tar") as old, Package(package) as new:
        assert (old.manifest.format, old.manifest.version, old.index.format) == ("nnc-package/1", "1.0.0", "nnc-index/1")
        assert (new.manifest.format, new.manifest.version, new.index.format) == ("nnc-package/2", "2.0.0", "nnc-index/2")
    assert nnc("package", "verify", package, cwd=tmp_path).returncode == 0
    assert nnc("run", package, "--output", tmp_path / "results", cwd=tmp_path).returncode == 0


@pytest.mark.slow
def test_the_pytest_plugin_runs_sessions(suite: Path, tmp_path: Path) -> None:
    decoder = wrong_decoder(tmp_path)
    done = run_pytest(tmp_path, "--nnc-decoder", decoder, "--nnc-suite", suite)
    assert "1 failed, 3 passed" in done.stdout
    assert "step 1: tensor 'w'" in done.stdout
    first = run_pytest(tmp_path, "--nnc-decoder", decoder, "--nnc-suite", suite, "--nnc-edition", "2022")
    assert "1 passed" in first.stdout


def test_lint_finds_nothing_in_sessions_and_a_stray_file(suite: Path, tmp_path: Path) -> None:
    assert nnc("lint", suite, cwd=tmp_path).returncode == 0
    damaged = write_sessions(tmp_path / "damaged")
    (damaged / "core" / "session" / "step-3.nnr").write_bytes(b"")
    found = nnc("lint", damaged, cwd=tmp_path)
    assert found.returncode == 1
    assert "core/session/step-3.nnr: belongs to no vector" in found.stdout
