"""Certificates of encoders: given for what was shown, refused with reasons, and judged again from
their own bytes.
"""

import datetime
import hashlib
import json
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.certificate_bodies import encoder_body_of
from helpers.command_line import nnc
from helpers.keys import key_files
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from nnc_conformance.encoders.cases import CASES, cases_for
from nnc_conformance.encoders.encoder_spec import EncoderSpec
from nnc_conformance.encoders.fresh import FRESH_CASES, fresh_cases
from nnc_conformance.encoders.load import load_encoder
from nnc_conformance.encoders.planning import case_sha256
from nnc_conformance.encoders.running import run_encoders
from nnc_conformance.reports.certification.encoder_certificate import (
    EncoderCertificate,
    EncoderCertificateBody,
    encoder_certificate_schema,
)
from nnc_conformance.reports.certification.encoder_issue import gather_encoder, issue_for_encoder, write_encoder_certificate
from nnc_conformance.reports.certification.encoder_judgement import (
    EncoderWeight,
    capability_counts,
    encoder_reasons,
    option_evidence,
    unshown,
    weigh_cases,
)
from nnc_conformance.reports.certification.encoder_policy import EncoderPolicy, EncoderWaiver, load_encoder_policy
from nnc_conformance.reports.certification.issue import IssueError
from nnc_conformance.reports.certification.policy import PolicyError
from nnc_conformance.reports.certification.verification import VerificationInputError, VerificationInputs
from nnc_conformance.reports.certification.verify import read_certificate, verify
from nnc_conformance.reports.certification.withdrawals import WithdrawnCertificate, extend_withdrawals, load_withdrawals
from nnc_conformance.storage.sealed import SealError, canonical_text, seal
from nnc_conformance.storage.signing import Purpose, SignatureError, load_private_key, load_public_key
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.running.runner import RunOptions

pytestmark = pytest.mark.slow

SCHEMA = Path(__file__).parents[2] / "docs" / "encoder-certificate.schema.json"
DAY = datetime.date(2026, 11, 24)
POLICY = EncoderPolicy(name="test", challenge=6)
TWO_JOBS = RunOptions(jobs=2)
WORKER = """\
import sys
from nnc_conformance.encoders import in_tree_worker
{change}
in_tree_worker.main()
"""
RIGHT = ""
WRONG = """\
encode = in_tree_worker.encode_as_asked
in_tree_worker.encode_as_asked = lambda tensors, *rest: encode({name: -array for name, array in tensors.items()}, *rest)
"""
OPTIONS = 'qp = "qp={value}"\nnonweight_qp = "nonweight_qp={value}"\nrdo = { 0 = "rdo=0" }\nscan_order = { 0 = "", 1 = "scan_order=1" }\n'


def encoder_file(folder: Path, change: str = RIGHT, *, options: str = OPTIONS, more: str = "") -> Path:
    """Write an encoder that is ours with a change; return its encoder.toml."""
    folder.mkdir(exist_ok=True)
    (folder / "worker.py").write_text(WORKER.format(change=change))
    command = json.dumps(f"{shlex.quote(sys.executable)} {{here}}/worker.py")
    path = folder / "encoder.toml"
    path.write_text(f'name = "ours"\nversion = "1"\nkind = "worker"\ncommand = {command}\n{more}\n[options]\n{options}')
    return path


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make results of an encoder, keys, and a certificate of it, signed and unsigned."""
    folder = tmp_path_factory.mktemp("certify-encoder")
    run_encoders([load_encoder(str(encoder_file(folder / "right")))], folder / "results", options=TWO_JOBS)
    private, _ = key_files(folder)
    for name, key in (("signed", load_private_key(private)), ("unsigned", None)):
        issued = issue_for_encoder(
            gather_encoder(folder / "results"), POLICY, today=DAY, key=key, nonce="given", issuer="a <laboratory>", options=TWO_JOBS
        )
        assert issued.certificate is not None, issued.reasons
        write_encoder_certificate(issued.certificate, folder / name)
    return folder


def everything(work: Path) -> VerificationInputs:
    encoder = load_encoder(str(work / "right/encoder.toml"))
    return VerificationInputs(trusted=load_public_key(work / "key1.pub"), results=work / "results", encoder=encoder)


def problems(path: Path, inputs: VerificationInputs | None = None) -> str:
    return "\n".join(verify(path, inputs or VerificationInputs(), DAY).problems)


def issued_with(work: Path, policy: EncoderPolicy, results: Path | None = None, **arguments: Any) -> tuple[str, ...]:
    gathered = gather_encoder(results or work / "results", **arguments)
    return issue_for_encoder(gathered, policy, today=DAY, nonce="given", options=TWO_JOBS).reasons


@pytest.mark.parametrize("name", ["certificate.json", "certificate.html"])
def test_a_certificate_holds_offline(work: Path, name: str) -> None:
    found = verify(work / "signed" / name, everything(work), DAY)
    assert found.problems == []
    assert {"compared with its results", "compared with the files of its encoder"} <= set(found.notes)
    assert any(note.startswith("never asked for: updates, qp_density, dq") for note in found.notes)
    body = found.certificate.body
    assert isinstance(body, EncoderCertificateBody)
    weights = {one.case.case: one.weight for one in weigh_cases(body, DAY)}
    assert {name: weight for name, weight in weights.items() if weight is not EncoderWeight.PASSED} == dict.fromkeys(
        ("value-int-least", "step-finer", "step-coarser"), EncoderWeight.REFUSED
    )
    assert [file.name for file in body.encoder.files] == [Path(sys.executable).name, "worker.py", "encoder.toml"]
    assert len(body.challenge.cases) == POLICY.challenge
    page = (work / "signed/certificate.html").read_text()
    assert "<dt>Never asked for</dt><dd>updates, qp_density, dq, " in page
    assert '<th scope="row">step</th><td class="n">4</td><td class="n">0</td><td class="n">0</td><td class="n">2</td>' in page


def test_every_weight_is_told_apart() -> None:
    body = encoder_body_of()
    weights = {one.case.case: one.weight for one in weigh_cases(body, DAY)}
    assert weights == {
        **dict.fromkeys(("shape-0", "shape-1", "shape-2"), EncoderWeight.PASSED),
        "shape-3": EncoderWeight.WAIVED,
        "value-nan": EncoderWeight.REFUSED,
        "type-float16": EncoderWeight.LACKING,
        "skip-dq": EncoderWeight.CHOICE,
    }
    late = {one.case.case: one.weight for one in weigh_cases(body, DAY + datetime.timedelta(days=1))}
    assert late["shape-3"] is EncoderWeight.FAILED
    assert unshown(weigh_cases(body, DAY)) == ("group value", "group type", "group skip")
    assert [(one.option, one.value, one.asked, one.passed) for one in option_evidence(weigh_cases(body, DAY))] == [
        ("qp", "any", 7, 3), ("dq", "on", 7, 3)
    ]  # fmt: skip
    assert capability_counts(weigh_cases(body, DAY)) == {"dq": 3, "float": 3}


def test_counts_by_option_and_capability_are_those_of_the_results(work: Path) -> None:
    body = read_certificate(work / "signed/certificate.json").body
    assert isinstance(body, EncoderCertificateBody)
    results = json.loads((work / "results/encoder-results.json").read_text())["cases"]
    passed = [case for case in results if case["outcome"] == "pass" and not case["refused"]]
    shown = {(one.option, one.value): (one.asked, one.passed) for one in option_evidence(weigh_cases(body, DAY))}
    for value in ("0", "1"):
        asked = [case for case in results if case["options"].get("scan_order") == value]
        assert shown["scan_order", value] == (len(asked), sum(case in passed for case in asked)) and len(asked) > 1
    assert shown["qp", "any"][0] == len([case for case in results if "qp" in case["options"]])
    counts = capability_counts(weigh_cases(body, DAY))
    assert counts["block-scan"] == sum("block-scan" in case["capabilities"] for case in passed) > 5
    assert counts["int"] > 5 and "dq" not in counts


@pytest.mark.slow
def test_the_same_evidence_gives_the_same_bytes(work: Path) -> None:
    key = load_private_key(work / "key1.pem")
    issued = issue_for_encoder(
        gather_encoder(work / "results"), POLICY, today=DAY, key=key, nonce="given", issuer="a <laboratory>", options=TWO_JOBS
    )
    assert issued.certificate is not None
    assert canonical_text(issued.certificate) == (work / "signed/certificate.json").read_text()


def test_an_encoder_that_fails_fresh_cases_gets_no_certificate(work: Path, tmp_path: Path) -> None:
    reasons = issued_with(work, POLICY, argument=str(encoder_file(tmp_path / "wrong", WRONG)))
    assert reasons[:-1] == tuple(f"fresh case fresh-{number:03}: fail" for number in range(POLICY.challenge))
    assert reasons[-1] == "no fresh case was passed"


def test_results_that_fail_are_listed(work: Path, tmp_path: Path) -> None:
    path = encoder_file(tmp_path / "wrong", WRONG)
    done = nnc("run", "--encoder", path, "--filter", "id=shape-int-*", "--output", tmp_path / "out")
    assert done.returncode == 1
    reasons = issued_with(work, POLICY, tmp_path / "out")
    results = json.loads((tmp_path / "out/encoder-results.json").read_text())["cases"]
    assert {f"{case['case']}: fail" for case in results if case["outcome"] == "fail"} <= set(reasons)
    assert f"only {len(results)} of the {len(cases_for(load_encoder(str(path))))} cases for this encoder have a result" in reasons


def test_cases_that_were_not_run_count_for_nothing(work: Path, tmp_path: Path) -> None:
    """Neither a waiver nor a policy lets them."""
    document = json.loads((work / "results/encoder-results.json").read_text())
    for case in document["cases"][:2]:
        case |= {"outcome": "not_run", "stream_sha256": [], "capabilities": [], "sizes": []}
    document["closing"] = None
    (tmp_path / "encoder-results.json").write_text(json.dumps(document))
    shutil.copy(work / "results/encoder-run.json", tmp_path)
    names = [case["case"] for case in document["cases"][:2]]
    waiver = EncoderWaiver(case=names[0], reason="none", expires=DAY)
    policy = POLICY.model_copy(update={"waivers": (waiver,), "lacking": ("*",)})
    reasons = issued_with(work, policy, tmp_path)
    assert reasons == ("the results have no closing record: the run did not finish", *(f"{name}: not run" for name in names))


POLICIES: dict[str, tuple[dict[str, Any], str]] = {
    "options": ({"options": ("dq", "qp")}, "the policy requires options that encoder.toml does not map: dq"),
    "updates": ({"updates": True}, "the policy requires updates, which the encoder does not encode"),
    "steps": ({"max_error_steps": 2.0}, "max_error_steps of encoder.toml is 4; the policy allows 2"),
}


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_is_kept(work: Path, name: str) -> None:
    changes, said = POLICIES[name]
    body = read_certificate(work / "unsigned/certificate.json").body
    assert isinstance(body, EncoderCertificateBody)
    other = body.model_copy(update={"policy": POLICY.model_copy(update=changes)})
    assert encoder_reasons(other, DAY, signed=False) == (said,)


def test_unsupported_counts_against_an_encoder_unless_the_policy_lets_it_and_then_for_nothing(work: Path, tmp_path: Path) -> None:
    body = read_certificate(work / "unsigned/certificate.json").body
    assert isinstance(body, EncoderCertificateBody)
    lacking = body.cases[0].model_copy(update={"outcome": Outcome.UNSUPPORTED, "stream_sha256": (), "capabilities": ()})
    cases = (lacking, *body.cases[1:])
    for policy, weight in ((POLICY, EncoderWeight.FAILED), (POLICY.model_copy(update={"lacking": ("shape-*",)}), EncoderWeight.LACKING)):
        weighed = weigh_cases(body.model_copy(update={"cases": cases, "policy": policy}), DAY)
        assert weighed[0].weight is weight


def resealed(work: Path, folder: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """Write the unsigned certificate with a change, sealed again."""
    document = json.loads((work / "unsigned/certificate.json").read_text())["body"]
    change(document)
    sealed = seal(EncoderCertificateBody.model_validate(document), Purpose.CERTIFICATE, None)
    return write_encoder_certificate(EncoderCertificate(body=sealed.body, seal=sealed.seal), folder)


def other_stream(document: dict[str, Any]) -> None:
    """Give a fresh case the streams of another, with their hashes."""
    first, second = document["challenge"]["cases"][:2]
    second |= {key: first[key] for key in ("streams", "stream_sha256")}


FORGERIES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "fewer cases": (lambda body: body["cases"].pop(), "only "),
    "twice the same": (lambda body: body["cases"].__setitem__(1, body["cases"][0]), "each once and in order"),
    "another order": (lambda body: body["cases"].reverse(), "each once and in order"),
    "other options of a case": (lambda body: body["cases"][0]["options"].clear(), "it is not the case that is made"),
    "another input": (lambda body: body["cases"][0].update(case_sha256="0" * 64), "it is not the case that is made"),
    "a pass without a stream": (lambda body: body["cases"][0].update(stream_sha256=[]), "listed as passed, but with 0 streams"),
    "a refusal as a pass": (lambda body: body["cases"][0].update(refused=True, stream_sha256=[]), "shape-float-scalar: listed as passed"),
    "what may be refused": (lambda body: body["cases"][0].update(may_refuse="too small"), "it is not the case that is made"),
    "options not claimed": (lambda body: body["encoder"]["options"].pop("scan_order"), "its cases are not those for this encoder"),
    "options claimed": (lambda body: body["encoder"]["options"].update(dq=["off", "on"]), "cases for this encoder have a result"),
    "updates claimed": (lambda body: body["encoder"].update(updates=True), "cases for this encoder have a result"),
    "another nonce": (lambda body: body["challenge"].update(nonce="easy"), "do not follow from nonce"),
    "other results": (lambda body: body.update(results_sha256="0" * 64), "do not follow from nonce"),
    "other files": (lambda body: body["encoder"]["files"][0].update(sha256="0" * 64), "do not follow from nonce"),
    "fewer fresh cases": (lambda body: body["challenge"]["cases"].pop(), "5 fresh cases were encoded; the policy requires 6"),
    "another generator": (lambda body: body.update(generator="nnc-encoder-cases/0"), "cannot make again"),
    "another grammar": (lambda body: body["challenge"].update(grammar="nnc-encoder-fresh/0"), "cannot draw again"),
    "streams of another case": (other_stream, "its streams show fail, not pass"),
    "hash of another stream": (lambda body: body["challenge"]["cases"][0].update(stream_sha256=["0" * 64]), "the hashes state"),
    "fresh capabilities": (lambda body: body["challenge"]["cases"][0].update(capabilities=["dq"]), "other capabilities than stated"),
    "a larger error": (lambda body: body["encoder"].update(max_error_steps=100.0), "the policy allows 4"),
    "another name": (lambda body: body["encoder"].update(name="theirs"), "the headline does not match"),
    "the future": (lambda body: body.update(issued="2026-11-25"), "in the future"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_certificate_does_not_hold(work: Path, tmp_path: Path, name: str) -> None:
    change, said = FORGERIES[name]
    path = resealed(work, tmp_path, change)
    assert said in problems(path)
    assert "not signed by the given key" in problems(path, VerificationInputs(trusted=load_public_key(work / "key1.pub")))


COMPARED: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "hashes of streams": (lambda body: body["cases"][0].update(stream_sha256=["0" * 64]), "outcomes, capabilities or hashes"),
    "capabilities": (lambda body: body["cases"][0].update(capabilities=["dq"]), "outcomes, capabilities or hashes"),
    "version": (
        lambda body: (body["encoder"].update(version="2"), body.update(headline="unsigned: ours 2: test")),
        "its encoder is not that",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPARED)
def test_results_are_compared(work: Path, tmp_path: Path, name: str) -> None:
    change, said = COMPARED[name]
    path = resealed(work, tmp_path, change)
    assert problems(path) == ""
    assert said in problems(path, VerificationInputs(results=work / "results"))


def test_a_changed_byte_is_found(work: Path, tmp_path: Path) -> None:
    for name in ("certificate.json", "certificate.html"):
        data = (work / "signed" / name).read_bytes()
        for place in range(0, len(data), len(data) // 40):
            (tmp_path / name).write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
            with pytest.raises((SealError, SignatureError)):
                read_certificate(tmp_path / name)


def test_a_withdrawn_certificate_does_not_hold(work: Path, tmp_path: Path) -> None:
    path, key = work / "signed/certificate.json", load_private_key(work / "key1.pem")
    withdrawn = WithdrawnCertificate(sha256=read_certificate(path).seal.sha256, reason="another build")
    extend_withdrawals(tmp_path / "list.json", [], [withdrawn], key, DAY)
    assert "it was withdrawn: another build" in problems(path, VerificationInputs(withdrawals=load_withdrawals(tmp_path / "list.json")))


def test_other_files_are_found(work: Path, tmp_path: Path) -> None:
    other = load_encoder(str(encoder_file(tmp_path / "other", WRONG)))
    assert "are not those of the certified encoder" in problems(work / "signed/certificate.json", VerificationInputs(encoder=other))


def test_what_does_not_belong_to_encoders_is_refused(work: Path, tmp_path: Path) -> None:
    with pytest.raises(VerificationInputError, match="leave --suite out"):
        verify(work / "signed/certificate.json", VerificationInputs(suite=tmp_path), DAY)
    for words, said in (
        (["--edition", "2024"], "judged by generated cases"),
        (["--suite", tmp_path], "judged by generated cases"),
        (["--target", "3gpp-ims-full"], "judged by generated cases"),
        (["--decoder", "in-tree", "--encoder", "in-tree"], "leave one out"),
    ):
        done = nnc("certify", "issue", work / "results", *words, "--output", tmp_path / "out")
        assert (done.returncode, done.stdout) == (2, ""), words
        assert said in done.stderr
    with pytest.raises(IssueError, match="differs from"):
        gather_encoder(work / "results", argument="in-tree")
    with pytest.raises(IssueError, match="unknown encoder 'nobody'"):
        gather_encoder(work / "results", name="nobody")
    shutil.copy(work / "results/encoder-results.json", tmp_path)
    with pytest.raises(IssueError, match="give --encoder"):
        gather_encoder(tmp_path)
    (tmp_path / "results.json").write_text("{}")
    done = nnc("certify", "issue", tmp_path, "--output", tmp_path / "out")
    assert (done.returncode, "name the file, results.json or encoder-results.json" in done.stderr) == (2, True)


@pytest.mark.slow
def test_the_commands(work: Path, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text('name = "test"\nchallenge = 2\n')
    words = ["--policy", tmp_path / "policy.toml", "--key", work / "key1.pem", "--nonce", "n", "--output", tmp_path / "out"]
    done = nnc("certify", "issue", work / "results/encoder-results.json", *words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("Certificate: ours 1: test ")
    verified = nnc("certify", "verify", tmp_path / "out/certificate.html", "--key", work / "key1.pub", "--results", work / "results")
    assert verified.returncode == 0, verified.stdout
    assert "its policy 'test' is not the built-in one" in verified.stdout
    assert verified.stdout.splitlines()[-1] == "Holds: ours 1: test"
    done = nnc("certify", "verify", tmp_path / "out/certificate.html", "--suite", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    done = nnc("certify", "verify", tmp_path / "out/certificate.json", "--results", tmp_path / "out/certificate.json")
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("challenge = 1", "name"),
        ('name = "x"\nchallenge = 0', "challenge"),
        ('name = "x"\nchallenge = 1\noptions = ["magic"]', "magic"),
        ('name = "x"\nchallenge = 1\nlevels = ["core"]', "levels"),
        ('name = "x"\nchallenge = 1\nformat = "nnc-policy/1"', "nnc-encoder-policy/1"),
        ('name = "x"\nchallenge = 1\n[[waivers]]\ncase = "a"\nreason = ""\nexpires = 2027-01-01', "reason"),
        ("name = ", "policy"),
    ],
)
def test_policies_that_cannot_be(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "policy.toml").write_text(text)
    with pytest.raises(PolicyError, match=message):
        load_encoder_policy(tmp_path / "policy.toml")


def test_the_published_schema_is_that_of_the_model(work: Path) -> None:
    """Made by ``python -m nnc_conformance.reports.certification.encoder_certificate``."""
    assert SCHEMA.read_text() == encoder_certificate_schema()
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(json.loads((work / "signed/certificate.json").read_text()))


def digest_of(hashes: list[str]) -> str:
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()[:16]


def test_other_cases_have_another_version() -> None:
    """A certificate names the version of its cases: raise the number of what changed, then adapt."""
    encoder: EncoderSpec = load_encoder("in-tree")
    made = digest_of([case_sha256(one) for one in cases_for(encoder)])
    drawn = digest_of([case_sha256(one) for one in fresh_cases(encoder, 1, 40)])
    assert {CASES: made, FRESH_CASES: drawn} == {"nnc-encoder-cases/1": "2dcfe2e3f7824daf", "nnc-encoder-fresh/1": "23ae969cd98afe4a"}


def leaves(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [leaf for key, inner in items for leaf in leaves(inner, (*path, key))]
    return found or [path]


def other_than(old: Any) -> Any:
    if isinstance(old, bool):
        return not old
    if isinstance(old, (int, float)):
        return old + 1
    if isinstance(old, (list, dict)):
        return ["1"] if isinstance(old, list) else {"more": "1"}
    return {"pass": "choice", "worker": "command", "": "x", "2026-11-24": "2026-11-25"}.get(
        old, ("1" if old.startswith("0") else "0") + old[1:]
    )


WORD_OF_THE_ISSUER = [("issuer",), ("tool",)]
"""Values that nothing but a signature vouches for, besides the policy's leniency."""


@pytest.mark.exhaustive
def test_every_forged_value_is_found(work: Path, tmp_path: Path) -> None:
    document = json.loads((work / "unsigned/certificate.json").read_text())["body"]
    unsigned = VerificationInputs(results=work / "results", encoder=load_encoder(str(work / "right/encoder.toml")))
    paths = [path for path in leaves(document) if path[:1] != ("cases",) or path[1] in (0, 40)]
    unfound = []
    for path in paths:
        if path[:2] == ("challenge", "cases") and path[2] != 0:
            continue
        changed = json.loads(json.dumps(document))
        inner = changed
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = other_than(inner[path[-1]])
        try:
            EncoderCertificateBody.model_validate(changed)
        except ValidationError:
            continue
        file = resealed(work, tmp_path, lambda body, changed=changed: body.update(changed))
        if not problems(file, unsigned):
            unfound.append(path)
    assert [path for path in unfound if path[0] != "policy"] == WORD_OF_THE_ISSUER
