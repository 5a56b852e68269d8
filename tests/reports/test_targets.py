"""Targets: which vectors answer them, what a report says, and what a certificate may say."""

import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.certificate_bodies import body_of, case_of
from helpers.command_line import nnc
from helpers.report_documents import case
from helpers.session_suite import write_sessions
from hostile import support

from nnc_conformance.reports.certification.certificate import CertifiedSession, EditionedBody, EditionedChallenge
from nnc_conformance.reports.certification.judgement import headline_of, reasons
from nnc_conformance.reports.certification.policy import is_built_in, target_policy
from nnc_conformance.reports.target import target_figures
from nnc_conformance.storage.safetensors_format import dump_safetensors
from nnc_conformance.storage.targets import TARGETS
from nnc_conformance.storage.vector import CAPABILITIES, Level
from nnc_conformance.suites.results.result import DecoderIdentity, SessionCaseResult
from nnc_conformance.suites.results.result_files import load_results

FULL, INCREMENTAL = TARGETS["3gpp-ims-full"], TARGETS["3gpp-ims-incremental"]
COMMON = ("block", "codebook", "dq", "second-edition")
FLAGS = {
    "answers-both": COMMON,
    "answers-incremental": ("block", "block-scan", "hdsp", "row-skip", "second-edition", "tca", "updates"),
    "needs-more": ("block", "float", "second-edition"),
}


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("targets") / "suite"
    data = dump_safetensors({"w": np.arange(3, dtype="<f4")})
    made = [support.make_session(name, (support.GOOD + data, data), flags=flags) for name, flags in FLAGS.items()]
    made = [
        (vector.model_copy(update={"elements": ("compressed_parameter_types", "shift_parameter_ids")}), files) for vector, files in made
    ]
    support.write_suite(root, [*support.good_vectors(1), *made])
    return root


def test_targets_ask_for_known_capabilities() -> None:
    assert set(FULL.capabilities) == set(COMMON)
    assert set(FULL.capabilities) < set(INCREMENTAL.capabilities) < set(CAPABILITIES)
    assert set(INCREMENTAL.uncounted) == {"pre"}


def test_list_shows_the_vectors_that_answer(suite: Path) -> None:
    def ids(*options: str) -> list[str]:
        lines = nnc("list", suite, *options, cwd=suite).stdout.splitlines()
        return [name for name in FLAGS if any(line.startswith(name) for line in lines)]

    assert ids("--target", "3gpp-ims-full") == ["answers-both"]
    assert ids("--target", "3gpp-ims-incremental") == ["answers-both", "answers-incremental"]
    assert ids("--filter", "target=3gpp-*") == ["answers-both", "answers-incremental"]
    wrong = nnc("list", suite, "--target", "3gpp", cwd=suite)
    assert wrong.returncode == 2
    assert "unknown target '3gpp'; choose from 3gpp-ims-full, 3gpp-ims-incremental" in " ".join(wrong.stderr.replace("│", " ").split())


def judged(suite: Path, folder: Path, target: str, capabilities: tuple[str, ...]) -> str:
    words = f"{sys.executable} -S {support.HERE / 'toy.py'} {{streams}} {{output}}"
    decoder = support.decoder_toml(folder, "toy", "command", words, capabilities=str(list(capabilities)))
    done = nnc("run", suite, "--decoder", decoder, "--target", target, "--output", folder / target, cwd=folder)
    assert done.returncode == 0, done.stderr
    return (folder / target / "report.md").read_text()


def test_the_report_says_how_a_target_is_met(suite: Path, tmp_path: Path) -> None:
    text = judged(suite, tmp_path, "3gpp-ims-full", FULL.capabilities)
    assert "toy: 3gpp-ims-full met. Source: 3GPP S4-260200" in text
    assert {case.vector for case in load_results(tmp_path / "3gpp-ims-full").cases} == {"answers-both"}
    page = (tmp_path / "3gpp-ims-full" / "report.html").read_text()
    assert "complete download of a model (NNC-FULL)" in page
    assert "3gpp-ims-incremental" not in text


def test_what_is_inferred_is_an_exception(suite: Path, tmp_path: Path) -> None:
    text = judged(suite, tmp_path, "3gpp-ims-incremental", INCREMENTAL.capabilities)
    assert "3gpp-ims-incremental met except: pre \\(inferred\\)." in text
    assert "| `nnr_pre_flag 1` | `pre` | none | cannot count |" in text


def test_a_need_that_is_not_declared_is_not_met(suite: Path, tmp_path: Path) -> None:
    text = judged(suite, tmp_path, "3gpp-ims-incremental", tuple(name for name in INCREMENTAL.capabilities if name not in ("tca", "pre")))
    headline = next(line for line in text.splitlines() if "incremental not met" in line)
    for need in ("temporal\\_context\\_modeling\\_flag 1", "nnr\\_pre\\_flag 1"):
        assert need in headline


def test_a_filtered_run_says_nothing_of_targets(suite: Path, tmp_path: Path) -> None:
    decoder = support.worker(tmp_path, "toy_worker.py", capabilities=str(list(FULL.capabilities)))
    nnc("run", suite, "--decoder", decoder, "--filter", "id=answers-both", "--output", "part", cwd=tmp_path)
    assert "Target" not in (tmp_path / "part" / "report.md").read_text()
    nnc("run", suite, "--decoder", decoder, "--output", "whole", cwd=tmp_path)
    assert "3gpp-ims-full met" in (tmp_path / "whole" / "report.md").read_text()


def test_broken_streams_alone_show_no_target() -> None:
    shown = case("bad", flags=("second-edition",), policy="must")
    broken = SessionCaseResult(**dict(shown), edition=2024)
    able = DecoderIdentity(name="alpha", version="", kind="command", capabilities=FULL.capabilities)
    figures = target_figures(able, [broken])[0]
    assert figures.headline == "alpha: 3gpp-ims-full not shown: no good vector of the run answers it and counts"
    unable = able.model_copy(update={"capabilities": ("second-edition",)})
    assert "3gpp-ims-full not met: " in target_figures(unable, [broken])[0].headline


def body(*flags: tuple[str, ...]) -> EditionedBody:
    """The body of a certificate of a target, with one passed vector for each set of flags."""
    plain = body_of()
    policy = target_policy(INCREMENTAL).model_copy(update={"levels": (Level.CORE,), "challenge": 1})
    cases = [CertifiedSession(**dict(case_of(f"core-{n}", flags=needed)), edition=2024) for n, needed in enumerate(flags)]
    fresh = CertifiedSession(**dict(case_of("stress-0", level=Level.STRESS)), edition=2022)
    unnamed = EditionedBody(
        **{
            **dict(plain),
            "format": "nnc-certificate/2",
            "policy": policy,
            "cases": tuple(cases),
            "suite": plain.suite.model_copy(update={"vectors": len(cases)}),
            "decoder": plain.decoder.model_copy(update={"capabilities": INCREMENTAL.capabilities}),
            "challenge": EditionedChallenge(grammar="by-hand/1", nonce="n", cases=(fresh,)),
            "withdrawn": (),
        }
    )
    return unnamed.model_copy(update={"headline": headline_of(unnamed, signed=False)})


def test_a_certificate_of_a_target_never_says_certified() -> None:
    made = body(FLAGS["answers-both"], FLAGS["answers-incremental"])
    assert made.headline == "unsigned: alpha 1.0: 3gpp-ims-incremental met except: pre (inferred)"
    assert reasons(made, made.issued, signed=False) == ()


def test_a_target_is_not_met_without_a_vector_that_shows_it() -> None:
    made = body(FLAGS["answers-both"])
    missing = {reason.split(":")[0] for reason in reasons(made, made.issued, signed=False)}
    assert missing == {f"capability {name}" for name in ("block-scan", "hdsp", "row-skip", "tca", "updates")}
    other = body(FLAGS["answers-both"], (*FLAGS["answers-incremental"], "float"))
    assert any("the target 3gpp-ims-incremental needs it" in reason for reason in reasons(other, other.issued, signed=False))


def test_an_embellished_headline_is_found() -> None:
    made = body(FLAGS["answers-both"], FLAGS["answers-incremental"])
    plain = made.model_copy(update={"headline": "unsigned: alpha 1.0: 3gpp-ims-incremental met"})
    assert any("the headline does not match" in reason for reason in reasons(plain, plain.issued, signed=False))


@pytest.mark.slow
def test_certify_refuses_a_target_that_nothing_shows(tmp_path: Path) -> None:
    write_sessions(tmp_path / "suite")
    nnc("run", "suite", "--output", "results", cwd=tmp_path)
    refused = nnc("certify", "issue", "results", "--target", "3gpp-ims-full", cwd=tmp_path)
    assert refused.returncode == 1
    assert "capability block: the target 3gpp-ims-full needs it" in refused.stdout
    assert not (tmp_path / "nnc-certificate").exists()


def test_the_policy_of_a_target_is_a_built_in_one() -> None:
    assert is_built_in(target_policy(FULL))
    assert not is_built_in(target_policy(FULL).model_copy(update={"capabilities": ()}))
