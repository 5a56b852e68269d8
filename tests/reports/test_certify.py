"""Certificates: given for what was shown, refused with reasons, and judged again from their own
bytes.
"""

import datetime
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from helpers.certificate_bodies import body_of, case_of
from helpers.certified_suite import BROKEN, GOOD, write_suite
from helpers.keys import key_files
from helpers.samples import DATA
from hostile import support
from pydantic import ValidationError

from nnc_conformance.reference.syntax.rules import Policy as NegativePolicy
from nnc_conformance.reference.syntax.rules import Provenance
from nnc_conformance.reports.certification.certificate import Certificate, CertificateBody, WithdrawnVector
from nnc_conformance.reports.certification.issue import CertificateEvidence, Issued, IssueError, gather, issue, write_certificate
from nnc_conformance.reports.certification.judgement import CapabilityEvidence, Weight, evidence, reasons, unproven, weigh
from nnc_conformance.reports.certification.page import render_certificate
from nnc_conformance.reports.certification.policy import CertificationPolicy, PolicyError, Waiver, load_policy
from nnc_conformance.reports.certification.verification import VerificationInputs
from nnc_conformance.reports.certification.verify import read_certificate, verify
from nnc_conformance.reports.certification.withdrawals import WithdrawnCertificate, extend_withdrawals, load_withdrawals
from nnc_conformance.storage.sealed import SealError, canonical_text, seal
from nnc_conformance.storage.signing import Purpose, SignatureError, load_private_key, load_public_key, sign
from nnc_conformance.storage.suite_folder import SuiteError
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.decoders.load import load_decoder
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import ResultsError
from nnc_conformance.suites.running.decoder_run import run
from nnc_conformance.suites.running.runner import RunOptions
from nnc_conformance.suites.running.selection import parse_filter, select

START = "from nnc_conformance.cli.main import main; main()"
DAY = datetime.date(2026, 11, 24)
POLICY = CertificationPolicy(name="test", levels=(Level.CORE, Level.NEGATIVE), challenge=4)
ONE_JOB = RunOptions(jobs=1)
IN_TREE = f"in-tree {version('nnc-conformance')}"
"""The reference decoder's name and version."""


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a suite, results of two decoders, keys, and a certificate of the in-tree decoder, signed
    and unsigned.
    """
    folder = tmp_path_factory.mktemp("certify")
    suite = write_suite(folder / "suite")
    for name, argument in (("in-tree", "in-tree"), ("broken", str(BROKEN))):
        run(suite, [load_decoder(argument)], folder / name, levels=POLICY.levels, options=ONE_JOB)
    private, _ = key_files(folder)
    key_files(folder, 2)
    for name, key in (("signed", load_private_key(private)), ("unsigned", None)):
        issued = issue(
            gather(folder / "in-tree", POLICY), POLICY, today=DAY, key=key, nonce="given", issuer="a <laboratory>", options=ONE_JOB
        )
        assert issued.certificate is not None, issued.reasons
        write_certificate(issued.certificate, folder / name)
    return folder


@pytest.fixture(scope="module")
def gathered(work: Path) -> CertificateEvidence:
    return gather(work / "in-tree", POLICY)


def everything(work: Path) -> VerificationInputs:
    return VerificationInputs(load_public_key(work / "key1.pub"), None, work / "suite", work / "in-tree", load_decoder("in-tree"))


@pytest.mark.parametrize("name", ["certificate.json", "certificate.html"])
def test_a_certificate_holds_offline(work: Path, name: str) -> None:
    found = verify(work / "signed" / name, everything(work), DAY)
    assert found.problems == []
    assert "compared with its suite" in found.notes
    assert "compared with its results" in found.notes
    assert "compared with the files of its decoder" in found.notes
    body = found.certificate.body
    weights = {one.case.vector: one.weight for one in weigh(body, DAY)}
    assert weights == {**{f"good-{n}": Weight.PASSED for n in range(GOOD)}, "bad-type": Weight.PASSED, "inferred": Weight.UNCOUNTED}
    assert len(body.challenge.cases) == 4
    assert body.decoder.files[0].name == "nnc_conformance.reference"


def test_the_same_evidence_gives_the_same_bytes(work: Path, gathered: CertificateEvidence) -> None:
    key = load_private_key(work / "key1.pem")
    issued = issue(gathered, POLICY, today=DAY, key=key, nonce="given", issuer="a <laboratory>", options=ONE_JOB)
    assert canonical_text(issued.certificate) == (work / "signed/certificate.json").read_text()


def test_a_broken_decoder_is_refused_with_reasons(work: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('name = "test"\nlevels = ["core", "negative"]\nchallenge = 16\n')
    command = ["certify", "issue", work / "broken", "--policy", policy, "--key", work / "key1.pem", "--output", "out"]
    refused = cli(*command, cwd=tmp_path)
    lines = refused.stdout.splitlines()
    assert refused.returncode == 1, refused.stderr
    assert not (tmp_path / "out").exists()
    assert lines[-1] == f"Refused: one-wrong-entry: {len(lines) - 1} reasons"
    failing = {case["vector"] for case in json.loads((work / "broken/results.json").read_text())["cases"] if case["outcome"] != "pass"}
    assert len(failing) > GOOD // 2
    failing_ids = {line.split(" ")[0] for line in lines if not line.startswith(("fresh stream ", "Refused"))}
    assert failing_ids == failing - {"inferred"}
    assert sum(line.startswith("fresh stream stress-") for line in lines) >= 2


@pytest.mark.slow
def test_a_decoder_that_refuses_everything_gets_no_certificate(tmp_path: Path) -> None:
    decoder = support.worker(tmp_path, "refuses.py")
    ran = cli("run", "--decoder", decoder, "--output", "results", "--jobs", 2, cwd=tmp_path)
    assert ran.returncode == 1, ran.stderr
    refused = cli("certify", "issue", "results", cwd=tmp_path)
    assert refused.returncode == 1, refused.stderr
    assert not (tmp_path / "nnc-certificate").exists()
    problem_lines = refused.stdout.splitlines()
    assert any(line.startswith("capability dq: declared, but none of the ") for line in problem_lines)
    assert problem_lines[-1].startswith("Refused: refuses.py: ")


def test_a_capability_needs_a_good_vector_that_was_passed() -> None:
    body = body_of()
    decoder = body.decoder.model_copy(update={"capabilities": ("codebook", "dq", "float", "topology")})
    must = body.cases[0].model_copy(update={"negative": NegativePolicy.MUST, "output_sha256": None, "expected_sha256": None})
    more = (
        case_of("with-block", Outcome.UNSUPPORTED, flags=("block", "codebook")),
        case_of("good", flags=("dq", "float")),
        case_of("inferred", Outcome.FAIL, flags=("topology",)).model_copy(update={"provenance": Provenance.INFERRED}),
        *(must.model_copy(update={"vector": f"bad-{flag}", "flags": (flag,)}) for flag in ("topology", "codebook")),
    )
    shown = body.model_copy(
        update={
            "decoder": decoder,
            "cases": body.cases + more,
            "suite": body.suite.model_copy(update={"vectors": len(body.cases) + len(more)}),
        }
    )
    assert evidence(shown, DAY) == (
        CapabilityEvidence("codebook", good=1, decoded=0, broken=1, refused=1),
        CapabilityEvidence("dq", good=1, decoded=1, broken=0, refused=0),
        CapabilityEvidence("float", good=5, decoded=4, broken=0, refused=0),
        CapabilityEvidence("topology", good=0, decoded=0, broken=1, refused=1),
    )
    against = "capability codebook: declared, but none of the 1 good vectors that need it and count was passed"
    assert reasons(shown, DAY, signed=False) == (against,)
    ends = "where topology_data ends is disputed: only data that reads alike both ways counts"
    assert unproven(evidence(shown, DAY)) == (f"topology ({ends})",)
    sealed = seal(shown, Purpose.CERTIFICATE, None)
    page = " ".join(re.sub("<[^>]*>", " ", render_certificate(Certificate(body=sealed.body, seal=sealed.seal))).split())
    assert "codebook 0 of 1 1 of 1 not passed" in page
    assert "dq 1 of 1 0 of 0 proven" in page
    assert f"topology 0 of 0 1 of 1 unproven; cannot count: {ends}" in page


def test_what_version_0_1_0_made_is_still_read() -> None:
    folder = DATA / "version-0.1.0"
    assert read_certificate(folder / "certificate.html") == read_certificate(folder / "certificate.json")


def cli(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", START, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["signed", "unsigned"])
@pytest.mark.parametrize("name", ["certificate.json", "certificate.html"])
def test_a_changed_byte_anywhere_is_found(work: Path, tmp_path: Path, kind: str, name: str) -> None:
    data = (work / kind / name).read_bytes()
    changed = tmp_path / name
    step = len(data) // (400 if name.endswith("json") else 80)
    for place in [*range(0, len(data), step), len(data) - 1]:
        for bit in (1, 32):
            changed.write_bytes(data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :])
            with pytest.raises((SealError, SignatureError)):
                read_certificate(changed)
    for other in (data[:-1], data + b"\n", data[:-1] + b"\r\n", b" " + data, b"\xef\xbb\xbf" + data, b"", data[: len(data) // 2]):
        changed.write_bytes(other)
        with pytest.raises((SealError, SignatureError)):
            read_certificate(changed)


def test_only_the_canonical_spelling_is_read(work: Path, tmp_path: Path) -> None:
    value = json.loads((work / "signed/certificate.json").read_text())
    respelled = tmp_path / "certificate.json"
    for text in (
        json.dumps(value, sort_keys=True),
        json.dumps(value, indent=2),
        json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False),
        json.dumps({**value, "more": 1}, sort_keys=True, indent=2) + "\n",
        (work / "signed/certificate.json").read_text().replace('"body": {', '"body": {}, "body": {', 1),
    ):
        respelled.write_text(text)
        with pytest.raises(SealError):
            read_certificate(respelled)


def forged(work: Path, tmp_path: Path, *, key: Path | None = None, **changes: object) -> Path:
    """Change the contents of the certificate and seal it again, as anybody can."""
    body = read_certificate(work / "unsigned/certificate.json").body.model_copy(update=changes)
    sealed = seal(body, Purpose.CERTIFICATE, load_private_key(key) if key is not None else None)
    return write_certificate(Certificate(body=sealed.body, seal=sealed.seal), tmp_path)


def problems(path: Path, inputs: VerificationInputs) -> str:
    return "\n".join(verify(path, inputs, DAY).problems)


def test_what_is_forged_and_sealed_anew_is_judged_again(work: Path, tmp_path: Path) -> None:
    body = read_certificate(work / "unsigned/certificate.json").body
    with_suite = VerificationInputs(suite=work / "suite")
    first, *rest = body.cases

    def case(**changes: object) -> tuple:
        return (first.model_copy(update=changes), *rest)

    def problems_with(**changes: object) -> str:
        return problems(forged(work, tmp_path, **changes), with_suite)

    assert problems_with() == ""
    assert "crash" in problems_with(cases=case(outcome=Outcome.CRASH))
    assert "is not the expected one" in problems_with(cases=case(output_sha256="0" * 64))
    assert "is not the expected one" in problems_with(cases=case(output_sha256=None))
    both = case(output_sha256="0" * 64, expected_sha256="0" * 64)
    assert "not the vectors of its suite" in problems_with(cases=both)
    assert "9 of the suite's 10 vectors" in problems_with(cases=tuple(rest))
    assert "not the vectors of its suite" in problems_with(cases=tuple(rest), suite=body.suite.model_copy(update={"vectors": 9}))
    assert "occurs twice" in problems_with(cases=(first, *rest[:-1], first))
    assert "nonce, results and decoder" in problems_with(challenge=body.challenge.model_copy(update={"nonce": "chosen"}))
    assert "nonce, results and decoder" in problems_with(results_sha256="0" * 64)
    file = body.decoder.files[0].model_copy(update={"sha256": "0" * 64})
    assert "nonce, results and decoder" in problems_with(decoder=body.decoder.model_copy(update={"files": (file,)}))
    easy = body.challenge.cases[:1] * 4
    assert "nonce, results and decoder" in problems_with(challenge=body.challenge.model_copy(update={"cases": easy}))
    few = body.challenge.model_copy(update={"cases": body.challenge.cases[:3]})
    assert "3 fresh streams were decoded; the policy requires 4" in problems_with(challenge=few)
    assert "headline" in problems_with(headline=body.headline.removeprefix("unsigned: "))
    assert "headline" in problems_with(decoder=body.decoder.model_copy(update={"version": "9"}))
    assert "in the future" in problems_with(issued=DAY + datetime.timedelta(days=1))
    assert "levels that the policy does not list" in problems_with(cases=case(level=Level.FULL))
    other = forged(work, tmp_path, suite=body.suite.model_copy(update={"manifest_sha256": "0" * 64}))
    assert "is not the suite" in problems(other, with_suite)
    assert any("was not found" in note for note in verify(other, VerificationInputs(), DAY).notes)


def test_other_results_and_decoders_are_found(work: Path, tmp_path: Path) -> None:
    certificate = work / "signed/certificate.json"
    assert "not the results file" in problems(certificate, VerificationInputs(results=work / "broken"))
    assert "files of" in problems(certificate, VerificationInputs(decoder=load_decoder(str(BROKEN))))


def test_keys(work: Path, tmp_path: Path) -> None:
    public, stranger = load_public_key(work / "key1.pub"), load_public_key(work / "key2.pub")
    assert problems(work / "signed/certificate.json", VerificationInputs(trusted=public)) == ""
    assert "not signed by the given key" in problems(work / "signed/certificate.json", VerificationInputs(trusted=stranger))
    assert "not signed by the given key" in problems(work / "unsigned/certificate.json", VerificationInputs(trusted=public))
    document = json.loads((work / "signed/certificate.json").read_text())
    moved = sign(Purpose.PACKAGE, document["seal"]["sha256"], load_private_key(work / "key1.pem"))
    document["seal"]["signature"] = moved.model_dump(mode="json")
    (tmp_path / "moved.json").write_text(json.dumps(document, sort_keys=True, indent=2, ensure_ascii=False) + "\n")
    with pytest.raises(SignatureError):
        read_certificate(tmp_path / "moved.json")


def test_unsigned_says_so_in_its_headlines(work: Path, tmp_path: Path) -> None:
    class Texts(HTMLParser):
        def __init__(self, text: str) -> None:
            super().__init__()
            self.open, self.texts, self.outside = [], {}, []
            self.feed(text)

        def handle_starttag(self, tag: str, attrs: list) -> None:
            self.open.append(tag)
            self.outside += [value for name, value in attrs if name in ("src", "href") and not value.startswith(("#", "data:"))]

        def handle_data(self, data: str) -> None:
            if self.open:
                self.texts[self.open[-1]] = self.texts.get(self.open[-1], "") + data.strip()

    assert json.loads((work / "unsigned/certificate.json").read_text())["body"]["headline"] == f"unsigned: {IN_TREE}: test"
    assert json.loads((work / "signed/certificate.json").read_text())["body"]["headline"] == f"{IN_TREE}: test"
    unsigned, signed = (Texts((work / kind / "certificate.html").read_text()) for kind in ("unsigned", "signed"))
    assert (unsigned.texts["h1"], signed.texts["h1"]) == ("Unsigned", "Certified")
    assert unsigned.texts["title"].startswith("Unsigned: ")
    assert unsigned.outside == signed.outside == []
    assert "a &lt;laboratory&gt;" in (work / "signed/certificate.html").read_text()
    verified = cli("certify", "verify", work / "unsigned/certificate.json", "--suite", work / "suite", cwd=tmp_path)
    assert verified.returncode == 0, verified.stderr
    assert verified.stdout.splitlines()[0] == "it is unsigned; anyone could have made it"
    assert verified.stdout.splitlines()[-1] == f"Holds: unsigned: {IN_TREE}: test"


@pytest.mark.slow
def test_a_part_of_the_suite_is_not_enough(work: Path, tmp_path: Path) -> None:
    chosen = [parse_filter("id=good-1")]
    suite = select(work / "suite", POLICY.levels, chosen)
    run(suite, [load_decoder("in-tree")], tmp_path, levels=POLICY.levels, filters=chosen, options=ONE_JOB)
    issued = issue(gather(tmp_path, POLICY, suite=work / "suite"), POLICY, today=DAY, options=ONE_JOB)
    assert issued.certificate is None
    assert issued.reasons == ("only 1 of the suite's 10 vectors of level core, negative have a result",)


def judged(work: Path, **changes: object) -> CertificateBody:
    return read_certificate(work / "unsigned/certificate.json").body.model_copy(update=changes)


def with_outcome(work: Path, vector: str, outcome: Outcome, **changes: object) -> CertificateBody:
    body = read_certificate(work / "unsigned/certificate.json").body
    cases = tuple(
        case.model_copy(update={"outcome": outcome, "output_sha256": None}) if case.vector == vector else case for case in body.cases
    )
    return body.model_copy(update={"cases": cases, **changes})


def weight_of(body: CertificateBody, vector: str, day: datetime.date = DAY) -> Weight:
    return next(one.weight for one in weigh(body, day) if one.case.vector == vector)


def test_waivers_hold_to_their_last_day(work: Path) -> None:
    waiver = Waiver(vector="good-0", reason="a known <bug>", expires=DAY)
    body = with_outcome(work, "good-0", Outcome.FAIL, policy=POLICY.model_copy(update={"waivers": (waiver,)}))
    assert reasons(body, DAY, signed=False) == ()
    assert weight_of(body, "good-0") is Weight.WAIVED
    assert reasons(body, DAY + datetime.timedelta(days=1), signed=False) == ("good-0 (core): fail",)
    sealed = seal(body, Purpose.CERTIFICATE, None)
    page = render_certificate(Certificate(body=sealed.body, seal=sealed.seal))
    assert "a known &lt;bug&gt;" in page
    assert "2026-11-24" in page
    not_run = with_outcome(work, "good-0", Outcome.NOT_RUN, policy=body.policy)
    assert reasons(not_run, DAY, signed=False) == ("good-0 (core): not run",)


def test_capabilities_are_claims(work: Path) -> None:
    body = with_outcome(work, "good-0", Outcome.UNSUPPORTED)
    assert weight_of(body, "good-0") is Weight.FAILED
    assert "unsupported, although all capabilities it needs are declared" in reasons(body, DAY, signed=False)[0]
    needed = next(case.flags for case in body.cases if case.vector == "good-0")
    poorer = body.decoder.model_copy(update={"capabilities": tuple(sorted(set(body.decoder.capabilities) - set(needed[:1])))})
    assert weight_of(body.model_copy(update={"decoder": poorer}), "good-0") is Weight.UNCLAIMED
    asking = body.policy.model_copy(update={"capabilities": needed[:1]})
    assert any("does not declare" in reason for reason in reasons(judged(work, decoder=poorer, policy=asking), DAY, signed=False))


def test_nothing_passed_is_no_certificate(work: Path) -> None:
    body = judged(work)
    poor = body.decoder.model_copy(update={"capabilities": ()})
    cases = tuple(case.model_copy(update={"outcome": Outcome.UNSUPPORTED, "output_sha256": None, "flags": ("lps",)}) for case in body.cases)
    assert "no vector that counts was passed" in reasons(judged(work, decoder=poor, cases=cases), DAY, signed=False)


@pytest.mark.slow
def test_withdrawals(work: Path, tmp_path: Path) -> None:
    key, listed = load_private_key(work / "key1.pem"), tmp_path / "list.json"
    wrong = WithdrawnVector(vector="good-0", revision=1, reason="its shape was <wrong>")
    assert extend_withdrawals(listed, [wrong], [], key, DAY).serial == 1
    withdrawals = load_withdrawals(listed)

    failing = with_outcome(work, "good-0", Outcome.FAIL)
    assert reasons(failing, DAY, signed=False) == ("good-0 (core): fail",)
    assert reasons(failing, DAY, signed=False, withdrawn=withdrawals.vectors) == ()
    issued: Issued = issue(gather(work / "in-tree", POLICY), POLICY, today=DAY, withdrawals=withdrawals, options=ONE_JOB)
    assert issued.body.withdrawn == (wrong,)
    path = write_certificate(issued.certificate, tmp_path / "issued")
    assert "its shape was &lt;wrong&gt;" in path.with_suffix(".html").read_text()
    assert problems(path, VerificationInputs(withdrawals=withdrawals)) == ""
    assert any("which no given list confirms" in note for note in verify(path, VerificationInputs(), DAY).notes)

    earlier = verify(work / "signed/certificate.json", VerificationInputs(withdrawals=withdrawals), DAY)
    assert earlier.holds
    assert "withdrawn since then, and not counted: good-0@1" in earlier.notes
    other = tmp_path / "other.json"
    extend_withdrawals(other, [wrong.model_copy(update={"vector": "good-1"})], [], key, DAY)
    assert "not withdrawn: good-0@1" in problems(path, VerificationInputs(withdrawals=load_withdrawals(other)))

    digest = read_certificate(path).seal.sha256
    body = extend_withdrawals(listed, [], [WithdrawnCertificate(sha256=digest, reason="the decoder was another")], key, DAY)
    assert (body.serial, len(body.vectors)) == (2, 1)
    assert "it was withdrawn: the decoder was another" in problems(path, VerificationInputs(withdrawals=load_withdrawals(listed)))
    stranger = VerificationInputs(trusted=load_public_key(work / "key2.pub"), withdrawals=load_withdrawals(listed))
    assert "list is not signed by the given key" in problems(work / "signed/certificate.json", stranger)


def test_a_withdrawal_list_is_signed_and_whole(work: Path, tmp_path: Path) -> None:
    listed = tmp_path / "list.json"
    extend_withdrawals(listed, [WithdrawnVector(vector="a", revision=1, reason="r")], [], load_private_key(work / "key1.pem"), DAY)
    data = listed.read_bytes()
    for place in range(len(data)):
        listed.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises((SealError, SignatureError)):
            load_withdrawals(listed)
    unsigned = seal(load_body(data), Purpose.WITHDRAWALS, None)
    listed.write_text(canonical_text(unsigned))
    with pytest.raises(SealError, match="unsigned"):
        load_withdrawals(listed)


def load_body(data: bytes):
    from nnc_conformance.reports.certification.withdrawals import Withdrawals

    return Withdrawals.model_validate_json(data).body


def test_what_is_needed_is_asked_for(work: Path, tmp_path: Path) -> None:
    shutil.copy(work / "in-tree/results.json", tmp_path)
    with pytest.raises(IssueError, match="give --decoder"):
        gather(tmp_path, POLICY)
    with pytest.raises(IssueError, match="give --suite"):
        gather(tmp_path, POLICY, argument="in-tree")
    with pytest.raises(IssueError, match="unknown decoder 'nobody'"):
        gather(tmp_path, POLICY, decoder="nobody")
    with pytest.raises(IssueError, match="differs from"):
        gather(tmp_path, POLICY, argument=str(BROKEN), suite=work / "suite")
    with pytest.raises(SuiteError):
        gather(tmp_path, POLICY, argument="in-tree", suite=tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('levels = ["core"]\nchallenge = 1', "name"),
        ('name = "x"\nlevels = ["core", "inferred"]\nchallenge = 1', "none of disputed, inferred"),
        ('name = "x"\nlevels = ["disputed"]\nchallenge = 1', "none of disputed, inferred"),
        ('name = "x"\nlevels = []\nchallenge = 1', "one or more"),
        ('name = "x"\nlevels = ["core"]\nchallenge = 0', "challenge"),
        ('name = "x"\nlevels = ["core"]\nchallenge = 1\ncapabilities = ["magic"]', "magic"),
        ('name = "x"\nlevels = ["core"]\nchallenge = 1\n[[waivers]]\nvector = "a"\nreason = ""\nexpires = 2027-01-01', "reason"),
        ("name = ", "policy"),
    ],
)
def test_policies_that_cannot_be(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "policy.toml").write_text(text)
    with pytest.raises(PolicyError, match=message):
        load_policy(tmp_path / "policy.toml")


def test_the_built_in_policy() -> None:
    policy = load_policy(None)
    assert policy.levels == (Level.CORE, Level.NEGATIVE)
    assert policy.challenge >= 32
    assert policy.waivers == ()


@pytest.mark.slow
def test_the_commands(work: Path, tmp_path: Path) -> None:
    withdrawn = cli(
        "certify", "withdraw", "list.json", "--key", work / "key1.pem", "--reason", "wrong", "--vector", "good-3@1",
        "--certificate", work / "signed/certificate.html", cwd=tmp_path,
    )  # fmt: skip
    assert withdrawn.returncode == 0, withdrawn.stderr
    gone = cli("certify", "verify", work / "signed/certificate.json", "--withdrawals", "list.json", cwd=tmp_path)
    assert gone.returncode == 1
    assert "it was withdrawn: wrong" in gone.stdout
    (tmp_path / "changed.json").write_bytes((work / "signed/certificate.json").read_bytes().replace(b"in-tree", b"on-tree", 1))
    changed = cli("certify", "verify", "changed.json", cwd=tmp_path)
    assert (changed.returncode, changed.stdout) == (2, "")
    assert "not what was sealed" in changed.stderr
    bad = cli("certify", "withdraw", "l.json", "--key", work / "key1.pem", "--reason", "x", "--vector", "good-3", cwd=tmp_path)
    assert bad.returncode == 2


def leaves(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of every value in a document, empty lists and objects included."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [leaf for key, inner in items for leaf in leaves(inner, (*path, key))]
    yield from found or [path]


def with_other(document: Any, path: tuple[str | int, ...]) -> Any:
    """Return a copy of a document with another value of the same type at a path."""
    changed = json.loads(json.dumps(document))
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    old = inner[path[-1]]
    inner[path[-1]] = other_than(str(path[-1]), old)
    return changed


OTHERS = {
    "level": {"core": "full", "negative": "core", "stress": "core"},
    "provenance": {"V": "P", "P": "V", "I": "V"},
    "negative": {"must": "may", None: "may"},
    "outcome": {"pass": "unsupported", "fail": "pass"},
    "format": {"nnc-certificate/1": "nnc-certificate/2", "nnc-policy/1": "nnc-policy/2"},
    "issued": {"2026-11-24": "2026-11-25"},
}
"""Other values of elements that have few, so that a forgery is not refused for its form alone."""


def other_than(name: str, old: Any) -> Any:
    if name in OTHERS:
        return OTHERS[name].get(old, old)
    if isinstance(old, bool):
        return not old
    if isinstance(old, int):
        return old + 1
    if old is None:
        return "0" * 64
    if isinstance(old, (list, dict)):
        return ["float"] if isinstance(old, list) else {"more": 1}
    return ("1" if old.startswith("0") else "0") + old[1:]


def telling(document: Any) -> list[tuple[str | int, ...]]:
    """Return the paths to change; of the vectors those of a good, a broken and an inferred one, of
    the fresh streams the first.
    """
    names = [case["vector"] for case in document["cases"]]
    kept = {names.index("bad-type"), names.index("inferred"), 0}
    return [
        path
        for path in leaves(document)
        if (path[0] != "cases" or path[1] in kept) and (path[:2] != ("challenge", "cases") or path[2] == 0)
    ]


WORD_OF_THE_ISSUER = [("issuer",), ("policy", "capabilities"), ("tool",)]
"""Values that nothing but a signature vouches for: a policy may ask for less than was shown."""


@pytest.mark.exhaustive
def test_every_forged_value_is_found(work: Path, tmp_path: Path) -> None:
    document = json.loads((work / "unsigned/certificate.json").read_text())["body"]
    unsigned = VerificationInputs(None, None, work / "suite", work / "in-tree", load_decoder("in-tree"))
    trusted = VerificationInputs(trusted=load_public_key(work / "key1.pub"))
    unfound = []
    for path in telling(document):
        try:
            body = CertificateBody.model_validate(with_other(document, path))
        except ValidationError:
            continue
        sealed = seal(body, Purpose.CERTIFICATE, None)
        file = write_certificate(Certificate(body=sealed.body, seal=sealed.seal), tmp_path)
        assert "not signed by the given key" in problems(file, trusted)
        if not problems(file, unsigned):
            unfound.append(path)
    assert unfound == WORD_OF_THE_ISSUER


def test_the_signature_of_one_certificate_fits_no_other(work: Path, tmp_path: Path) -> None:
    document = json.loads((work / "signed/certificate.json").read_text())
    for path in (("body", "issuer"), ("body", "results_sha256"), ("seal", "sha256"), ("seal", "signature", "public_key")):
        file = tmp_path / "certificate.json"
        file.write_text(json.dumps(with_other(document, path), sort_keys=True, indent=2, ensure_ascii=False) + "\n")
        with pytest.raises((SealError, SignatureError)):
            read_certificate(file)


def test_results_that_are_forged_get_no_certificate(work: Path, tmp_path: Path) -> None:
    right, wrong = (json.loads((work / name / "results.json").read_text()) for name in ("in-tree", "broken"))
    forged_cases = [case | {"decoder": wrong["decoders"][0]["name"]} for case in right["cases"]]
    for name, document in {
        "outcomes": wrong | {"cases": forged_cases},
        "fewer": right | {"cases": right["cases"][1:]},
        "decoder": right | {"decoders": [right["decoders"][0] | {"version": "9"}]},
        "suite": right | {"suite": right["suite"] | {"manifest_sha256": "0" * 64}},
    }.items():
        folder = tmp_path / name
        shutil.copytree(work / ("broken" if name == "outcomes" else "in-tree"), folder)
        (folder / "results.json").write_text(json.dumps(document))
        with pytest.raises((IssueError, ResultsError, SuiteError)):
            issue(gather(folder, POLICY), POLICY, today=DAY, key=None, nonce="given", issuer="i", options=ONE_JOB)
