"""Files that version 0.1.0 wrote are read as before, by versions that know the second edition."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from helpers.command_line import nnc
from helpers.session_suite import vectors, write_sessions

from nnc_conformance.reports.certification.certificate import CertificateBody, challenge_seed
from nnc_conformance.reports.certification.challenge import is_drawn_so
from nnc_conformance.reports.certification.policy import CertificationPolicy, load_policy
from nnc_conformance.reports.certification.verify import read_certificate
from nnc_conformance.reports.certification.withdrawals import load_withdrawals
from nnc_conformance.storage.package import Package, verify
from nnc_conformance.storage.suite_folder import load_suite, write_manifest, write_vector
from nnc_conformance.storage.vector import Vector
from nnc_conformance.suites.results.result import CaseResult, Results
from nnc_conformance.suites.results.result_files import load_results, load_run, results_text
from nnc_conformance.suites.running.decoder_run import RunJournalHeader
from nnc_conformance.suites.running.decoding import DECODING
from nnc_conformance.suites.running.journal import Journal

MADE = Path(__file__).parents[1] / "data" / "version-0.1.0"


@pytest.mark.slow
def test_its_package_is_verified_and_run(tmp_path: Path) -> None:
    found = verify(MADE / "vectors.tar")
    assert (found.manifest.format, found.manifest.version, found.vectors) == ("nnc-package/1", "1.0.0", 4)
    with Package(MADE / "vectors.tar") as package:
        assert {type(vector) for vector in package.index.vectors} == {Vector}
    done = nnc("run", MADE / "vectors.tar", "--output", "results", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    before = [case for case in load_results(MADE / "results.json").cases if case.decoder == "in-tree"]
    assert list(load_results(tmp_path / "results").cases) == before


def test_its_package_is_followed_by_one_of_sessions(tmp_path: Path) -> None:
    suite = tmp_path / "suite"
    suite.mkdir()
    with Package(MADE / "vectors.tar") as package:
        package.unpack(suite)
    again = nnc("package", "build", "suite", "same.tar", "--previous", MADE / "vectors.tar", cwd=tmp_path)
    assert "4 vectors, 4 of them reused" in again.stdout
    assert "version 1.0.0" in again.stdout
    made = vectors().values()
    for one in made:
        write_vector(suite, one.vector, one.files)
    write_manifest(suite, [*(stored.vector for stored in load_suite(suite).vectors), *(one.vector for one in made)])
    later = nnc("package", "build", "suite", "later.tar", "--previous", MADE / "vectors.tar", cwd=tmp_path)
    assert "8 vectors, 4 of them reused" in later.stdout
    assert "version 2.0.0" in later.stdout
    with Package(MADE / "vectors.tar") as before, Package(tmp_path / "later.tar") as after:
        for vector in before.index.vectors:
            assert after.files_of(vector) == before.files_of(vector)


def test_its_results_are_read_and_written_alike(tmp_path: Path) -> None:
    data = (MADE / "results.json").read_bytes()
    results = load_results(MADE)
    assert type(results) is Results
    assert {type(case) for case in results.cases} == {CaseResult}
    assert results_text(results).encode() == data
    assert load_run(MADE).results_sha256 == hashlib.sha256(data).hexdigest()
    done = nnc("report", MADE, "--output", tmp_path / "pages", cwd=tmp_path)
    assert "one-wrong-entry" in done.stdout


@pytest.mark.slow
def test_its_results_are_compared_with_those_of_sessions(tmp_path: Path) -> None:
    write_sessions(tmp_path / "suite")
    nnc("run", "suite", "--output", "later", cwd=tmp_path)
    found = json.loads(nnc("diff", MADE, "later", "--json", cwd=tmp_path).stdout)
    assert found["counts"] == {"new": 4, "gone": 4}


def test_its_journal_is_resumed(tmp_path: Path) -> None:
    copy = Path(shutil.copy(MADE / "journal.jsonl", tmp_path))
    header = RunJournalHeader.model_validate_json(copy.read_text().splitlines()[0])
    with Journal(copy, header, DECODING.finished_type, resume=True) as journal:
        cases = {finished.case.id: finished.case for finished in journal.entries}
    assert cases == {case.id: case for case in load_results(MADE).cases}


def test_its_withdrawals_are_read() -> None:
    assert load_withdrawals(MADE / "withdrawals.json").vectors == {("good-1", 1)}


def test_the_fresh_streams_of_its_certificate_are_drawn_again() -> None:
    body = read_certificate(MADE / "certificate.json").body
    assert type(body) is CertificateBody
    seed = challenge_seed(body.challenge.nonce, body.results_sha256, body.decoder.files)
    assert is_drawn_so(body.challenge, seed, frozenset(body.decoder.capabilities))


@pytest.mark.parametrize("line", ["", 'format = "nnc-policy/1"\n'])
def test_its_policies_certify_the_first_edition(tmp_path: Path, line: str) -> None:
    (tmp_path / "policy.toml").write_text(f'{line}name = "mine"\nlevels = ["core"]\nchallenge = 4\n')
    policy = load_policy(tmp_path / "policy.toml")
    assert (type(policy), policy.counted_editions) == (CertificationPolicy, (2022,))
