"""The pytest plugin as its user meets it: a pytest process of its own, in a folder without tests."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from helpers.pytest_process import MODULE, run_pytest
from hostile import support
from junitparser import JUnitXml

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("suite")
    support.write_suite(root, support.good_vectors(3) + support.bad_vectors())
    return root


def test_the_plugin_is_found_by_its_entry_point() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {MODULE: MODULE}


def test_a_good_decoder_passes_and_what_it_does_not_declare_is_skipped(root: Path, tmp_path: Path) -> None:
    able = support.worker(tmp_path, "toy_worker.py")
    done = run_pytest(tmp_path, "--nnc-decoder", able, "--nnc-suite", root, "-q")
    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout
    other = support.worker(tmp_path, "toy_worker.py", capabilities='["int"]')
    done = run_pytest(tmp_path, "--nnc-decoder", other, "--nnc-suite", root, "-rs")
    assert "5 skipped" in done.stdout
    assert "not declared: float" in done.stdout


def test_a_failure_says_what_was_seen_and_how_to_see_it_again(root: Path, tmp_path: Path) -> None:
    decoder = support.command("wrong_value.py")
    done = run_pytest(tmp_path, "--nnc-decoder", decoder, "--nnc-suite", root, "--junitxml", "junit.xml", "--nnc-repeat", "2")
    assert done.returncode == 1
    assert "3 failed, 2 passed" in done.stdout
    assert "fail: tensor 'n'[0]: expected 0, got 1; 1 of 1 differ, at most 1 ulp off" in done.stdout
    assert f"nnc-conformance run {root} --decoder 'command:" in done.stdout
    assert "--repeat 2 --filter id=good-000" in done.stdout
    assert "Traceback" not in done.stdout
    (suite,) = JUnitXml.fromfile(str(tmp_path / "junit.xml"))
    assert (suite.tests, suite.failures, suite.errors) == (5, 3, 0)


@pytest.mark.slow
def test_a_hostile_decoder_is_one_failure_more(root: Path, tmp_path: Path) -> None:
    decoders = [word for script in ("traceback.py", "kill_parent.py") for word in ("--nnc-decoder", support.command(script))]
    done = run_pytest(tmp_path, *decoders, "--nnc-suite", root, "--nnc-filter", "id=good-000")
    assert done.returncode == 1
    assert "2 failed" in done.stdout
    assert "RuntimeError: a bug" in done.stdout, "its standard error is shown"
    assert "crash: it ended the process of the harness that ran it" in done.stdout


@pytest.mark.slow
def test_tests_are_chosen_as_usual_beside_those_of_the_folder(root: Path, tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text("def test_own():\n    pass\n")
    arguments = ("--nnc-decoder", support.command("toy.py"), "--nnc-suite", root)
    assert "6 passed" in run_pytest(tmp_path, *arguments).stdout
    assert "2 passed, 4 deselected" in run_pytest(tmp_path, *arguments, "-k", "own or good-001").stdout
    assert "6 passed" in run_pytest(tmp_path, *arguments, "-n", "2").stdout
    assert "1 passed" in run_pytest(tmp_path).stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("--nnc-decoder", "nonsense.toml"),
        ("--nnc-decoder", "in-tree", "--nnc-level", "nonsense"),
        ("--nnc-decoder", "in-tree", "--nnc-filter", "id=nothing"),
        ("--nnc-decoder", "in-tree", "--nnc-suite", "no-suite"),
    ],
)
def test_what_cannot_be_used_is_a_usage_error(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = run_pytest(tmp_path, *arguments)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "Traceback" not in done.stdout + done.stderr


def test_the_plugin_is_light_when_it_is_not_asked(tmp_path: Path) -> None:
    program = f"import sys; import {MODULE}; print(*sorted(name for name in sys.modules if name.startswith(('nnc_', 'numpy'))))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["nnc_conformance", "nnc_conformance.cli", MODULE]


@pytest.mark.slow
def test_known_failures_are_expected_and_stale_entries_fail(root: Path, tmp_path: Path) -> None:
    known = tmp_path / "known.toml"
    entries = "".join(f'[[failure]]\nvector = "good-00{number}"\nreason = "ticket 12"\n' for number in range(3))
    known.write_text(f'format = "nnc-expected-failures/1"\n{entries}')
    words = ("--nnc-suite", root, "--nnc-expect-failures", known, "-rx")
    done = run_pytest(tmp_path, "--nnc-decoder", support.command("wrong_value.py"), *words)
    assert done.returncode == 0, done.stdout
    assert "2 passed, 3 xfailed" in done.stdout
    assert "ticket 12" in done.stdout
    done = run_pytest(tmp_path, "--nnc-decoder", support.command("toy.py"), *words)
    assert "3 failed, 2 passed" in done.stdout
    assert "remove it from the list" in done.stdout


def test_the_extra_that_the_docs_name_has_what_the_plugin_needs() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(extras["pytest"]) <= set(extras["dev"])
    assert [line.partition(">")[0] for line in extras["pytest"]] == ["pytest"]
    assert "pip install 'nnc-conformance[pytest]'" in (ROOT / "docs" / "ci.md").read_text()
