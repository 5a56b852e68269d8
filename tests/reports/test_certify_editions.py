"""Certificates over one or both editions of the standard."""

import json
from pathlib import Path

import pytest
from helpers.command_line import nnc
from helpers.session_suite import write_sessions, wrong_decoder

from nnc_conformance.reports.certification.policy import load_policy, policy_of
from nnc_conformance.reports.certification.verify import read_certificate

pytestmark = pytest.mark.slow

POLICY = 'format = "nnc-policy/2"\nname = "test"\nlevels = ["core", "negative"]\nchallenge = 9\neditions = [2022, 2024]\n'


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite of both editions, the reference's results on it, and certificates."""
    folder = tmp_path_factory.mktemp("editions")
    suite = write_sessions(folder / "suite")
    assert nnc("run", suite, "--output", "results", cwd=folder).returncode == 0
    for name, text in {
        "both": POLICY,
        "second": POLICY.replace("2022, ", ""),
        "first": POLICY.replace("/2", "/1").replace("editions", "#"),
    }.items():
        (folder / f"{name}.toml").write_text(text)
        done = nnc("certify", "issue", "results", "--policy", f"{name}.toml", "--nonce", "n", "--output", name, cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder


def certified(work: Path, name: str) -> dict[str, object]:
    body = json.loads((work / name / "certificate.json").read_text())["body"]
    return {"format": body["format"], "vectors": {case["vector"] for case in body["cases"]}}


@pytest.mark.slow
def test_a_policy_selects_editions(work: Path) -> None:
    second = {"session", "alone", "bad-last"}
    assert certified(work, "first") == {"format": "nnc-certificate/1", "vectors": {"plain"}}
    assert certified(work, "second") == {"format": "nnc-certificate/2", "vectors": second}
    assert certified(work, "both") == {"format": "nnc-certificate/2", "vectors": second | {"plain"}}


@pytest.mark.parametrize("name", ["first", "second", "both"])
@pytest.mark.parametrize("file", ["certificate.json", "certificate.html"])
def test_certificates_hold(work: Path, name: str, file: str) -> None:
    given = ["--suite", "suite", "--results", "results", "--decoder", "in-tree"]
    done = nnc("certify", "verify", Path(name, file), *given, cwd=work)
    assert done.returncode == 0, done.stdout
    for note in ("compared with its suite", "compared with its results", "compared with the files of its decoder"):
        assert note in done.stdout


def test_capabilities_are_those_of_the_editions(work: Path) -> None:
    first, both = (read_certificate(work / name / "certificate.json").body.decoder.capabilities for name in ("first", "both"))
    assert "updates" in both
    assert set(first) < set(both)
    assert "updates" not in first


def test_the_page_names_the_editions(work: Path) -> None:
    assert "ISO/IEC 15938-17:2022</span>" in (work / "first" / "certificate.html").read_text()
    assert "ISO/IEC 15938-17:2022 and 2024</span>" in (work / "both" / "certificate.html").read_text()


def test_a_session_counts_only_with_all_its_steps(work: Path) -> None:
    body = read_certificate(work / "both" / "certificate.json").body
    session = next(case for case in body.cases if case.vector == "session")
    assert session.shows_a_pass()
    before = (session.before[0], session.before[1].model_copy(update={"output_sha256": "0" * 64}))
    assert not session.model_copy(update={"before": before}).shows_a_pass()
    assert not session.model_copy(update={"output_sha256": "0" * 64}).shows_a_pass()


@pytest.mark.slow
def test_a_decoder_that_is_wrong_in_a_later_step_is_refused(work: Path, tmp_path: Path) -> None:
    decoder = wrong_decoder(tmp_path)
    nnc("run", work / "suite", "--decoder", decoder, "--output", "wrong", cwd=tmp_path)
    refused = nnc("certify", "issue", "wrong", "--policy", work / "both.toml", cwd=tmp_path)
    assert refused.returncode == 1
    assert "session (core): fail" in refused.stdout
    first = nnc("certify", "issue", "wrong", "--policy", work / "first.toml", cwd=tmp_path)
    assert first.returncode == 0, first.stdout


def test_the_built_in_policy_exists_for_each_choice_of_editions(work: Path) -> None:
    assert policy_of([2024]).name == "NNC decoder conformance, second edition"
    assert policy_of([2024, 2022]).editions == (2022, 2024)
    assert load_policy(None).format == "nnc-policy/1"
    done = nnc("certify", "issue", "results", "--edition", "2024", "--policy", "both.toml", cwd=work)
    assert done.returncode == 2
    assert "each of --policy, --edition and --target says what must pass; give one" in " ".join(done.stderr.split())


@pytest.mark.parametrize("editions", ["[]", "[2024, 2022]", "[2022, 2022]", "[2023]"])
def test_a_policy_with_wrong_editions_is_refused(work: Path, tmp_path: Path, editions: str) -> None:
    (tmp_path / "policy.toml").write_text(POLICY.replace("[2022, 2024]", editions))
    done = nnc("certify", "issue", work / "results", "--policy", tmp_path / "policy.toml", cwd=work)
    assert done.returncode == 2
    assert "editions" in done.stderr


@pytest.mark.slow
def test_results_without_the_second_edition_certify_only_the_first(work: Path, tmp_path: Path) -> None:
    nnc("run", work / "suite", "--edition", "2022", "--output", "first", cwd=tmp_path)
    refused = nnc("certify", "issue", "first", "--policy", work / "both.toml", cwd=tmp_path)
    assert refused.returncode == 1
    assert "only 1 of the suite's 4 vectors" in refused.stdout
