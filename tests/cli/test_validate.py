"""``validate`` as a user types it: verdicts, exit codes, and its three outputs."""

import json
import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import pytest
from helpers.command_line import nnc
from helpers.samples import DATA
from pydantic import BaseModel
from sarif_pydantic import Sarif

from nnc_conformance.storage.suite_folder import built_in_root

GOOD = sorted((DATA / "peer-samples").glob("*.nnr"))[0]
IMS_FULL = {"second-edition", "block", "dq", "codebook"}
"""What docs/targets.md lists for 3gpp-ims-full."""
BAD = built_in_root() / "negative" / "bad-prefix-31-prefix-bins-unary-1" / "stream.nnr"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "good.nnr").write_bytes(GOOD.read_bytes())
    (tmp_path / "bad.nnr").write_bytes(BAD.read_bytes())
    return tmp_path


def test_a_good_stream(folder: Path) -> None:
    done = nnc("validate", "good.nnr", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("good.nnr: conforming\n")
    assert done.stdout.endswith("1 of 1 streams conforming\n")
    needed = next(line.split(": ")[1].split(", ") for line in done.stdout.splitlines() if line.startswith("  needs: "))
    assert f"3gpp-ims-full missed by {', '.join(['edition 2022', *sorted(set(needed) - IMS_FULL)])};" in done.stdout


def test_a_broken_stream_has_place_rule_and_hint(folder: Path) -> None:
    done = nnc("validate", "bad.nnr", cwd=folder)
    assert done.returncode == 1
    for said in ("bad.nnr: not conforming", "rule prefix (must be refused, source P)", "unit 2 (NNR_NDU)", "hint: "):
        assert said in done.stdout


@pytest.mark.parametrize("words", [["."], ["*.nnr"], ["good.nnr", "bad.nnr"]], ids=["folder", "pattern", "names"])
def test_several_streams(folder: Path, words: list[str]) -> None:
    done = nnc("validate", *words, cwd=folder)
    assert done.returncode == 1
    assert done.stdout.endswith("1 of 2 streams conforming\n")


@pytest.mark.parametrize("words", [["absent.nnr"], ["none*.nnr"], ["empty"], []])
def test_unusable_input_is_a_usage_error(folder: Path, words: list[str]) -> None:
    (folder / "empty").mkdir()
    assert nnc("validate", *words, cwd=folder).returncode == 2


def test_the_outputs(folder: Path) -> None:
    done = nnc("validate", "good.nnr", "bad.nnr", "--json", "v.json", "--sarif", "s.sarif", "--junit", "j.xml", cwd=folder)
    assert done.returncode == 1
    streams = json.loads((folder / "v.json").read_text())["streams"]
    assert [stream["verdict"] for stream in streams] == ["conforming", "broken"]
    (run,) = json.loads((folder / "s.sarif").read_text())["runs"]
    (result,) = run["results"]
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "prefix"
    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["byteOffset"]) == ("bad.nnr", streams[1]["findings"][0]["byte"])
    suites = ElementTree.parse(folder / "j.xml").getroot()
    assert (suites.get("tests"), suites.get("failures")) == ("2", "1")
    assert [case.get("name") for case in suites.iter("testcase") if case.find("failure") is not None] == ["bad.nnr"]


def unknown_keys(value: object) -> set[str]:
    """Return the keys that SARIF 2.1.0 does not have, of an object and all within it."""
    if isinstance(value, BaseModel):
        within = [getattr(value, name) for name in type(value).model_fields]
        return set(value.model_extra or ()).union(*map(unknown_keys, within))
    return set().union(*map(unknown_keys, value)) if isinstance(value, list) else set()


def test_sarif_has_the_keys_and_types_of_its_standard(folder: Path) -> None:
    nnc("validate", built_in_root() / "negative", "--sarif", "s.sarif", cwd=folder)
    sarif = Sarif.model_validate_json((folder / "s.sarif").read_text())
    (run,) = sarif.runs
    assert len(run.results or ()) >= len(list((built_in_root() / "negative").iterdir()))
    assert unknown_keys(sarif) == set()


def test_an_output_that_is_an_input_is_refused(folder: Path) -> None:
    before = (folder / "good.nnr").read_bytes()
    assert nnc("validate", "good.nnr", "--json", "./good.nnr", cwd=folder).returncode == 2
    assert (folder / "good.nnr").read_bytes() == before


def test_standard_output_carries_one_document_only(folder: Path) -> None:
    done = nnc("validate", "good.nnr", "--json", "-", cwd=folder)
    assert json.loads(done.stdout)["format"] == "nnc-validation/1"
    assert "1 of 1 streams conforming" in done.stderr
    assert nnc("validate", "good.nnr", "--json", "-", "--junit", "-", cwd=folder).returncode == 2


@pytest.mark.slow
def test_many_streams_in_several_processes(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"{number}.nnr").write_bytes(GOOD.read_bytes() if number else BAD.read_bytes())
    done = nnc("validate", ".", "--jobs", "2", cwd=tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "11 of 12 streams conforming")


def test_a_session_is_taken_in_order_and_each_stream_as_often_as_named(folder: Path) -> None:
    """Numbers in the names of a folder's files count as numbers."""
    steps = folder / "steps"
    steps.mkdir()
    for number in (0, 2, 10, 9):
        (steps / f"step-{number}.nnr").write_bytes(GOOD.read_bytes())
    for words in (["steps"], ["steps/*.nnr"]):
        lines = [line for line in nnc("validate", "--session", *words, cwd=folder).stdout.splitlines() if line.startswith("steps")]
        assert [line.split(":")[0] for line in lines] == [f"steps/step-{number}.nnr" for number in (0, 2, 9, 10)]
    twice = nnc("validate", "--session", "good.nnr", "good.nnr", cwd=folder)
    assert twice.stdout.endswith("2 of 2 streams conforming\n")
    assert nnc("validate", "good.nnr", "good.nnr", cwd=folder).stdout.endswith("1 of 1 streams conforming\n")


def test_only_files_of_a_folder_are_read(folder: Path) -> None:
    os.mkfifo(folder / "pipe.nnr")
    (folder / "folder.nnr").mkdir()
    assert nnc("validate", ".", cwd=folder).stdout.endswith("1 of 2 streams conforming\n")
    (folder / "lost.nnr").symlink_to("nowhere")
    done = nnc("validate", ".", cwd=folder)
    assert (done.returncode, "lost.nnr: No such file" in done.stderr) == (2, True)


@pytest.mark.parametrize("name", ["my model#1%.nnr", "\u00fc:b?.nnr"])
def test_places_in_sarif_are_uris(folder: Path, name: str) -> None:
    (folder / name).write_bytes(BAD.read_bytes())
    for path in (name, folder / name):
        nnc("validate", path, "--sarif", folder / "s.sarif", cwd=folder)
        (run,) = json.loads((folder / "s.sarif").read_text())["runs"]
        uri = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        parts = urlsplit(uri)
        assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("file" if path != name else "", "", "", "")
        assert unquote(parts.path) == str(path)
        assert re.fullmatch(r"[!-~]+", uri)
