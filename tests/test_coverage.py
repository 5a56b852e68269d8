"""Coverage: what a stream worked out by hand meets, that core meets every goal it must, and that what is unreachable says why."""

import json
from pathlib import Path

import pytest
from samples import DATA
from typer.testing import CliRunner

from nnc_conformance.cli.main import build_app
from nnc_conformance.generator.coverage.catalogue import catalogue
from nnc_conformance.generator.coverage.goals import Kind, Standing
from nnc_conformance.generator.coverage.measure import Coverage, measure
from nnc_conformance.generator.coverage.streams import cover, find_streams
from nnc_conformance.reference.syntax.elements import ELEMENTS

VECTORS = Path(__file__).parents[1] / "vectors"
START = bytes.fromhex("00040000")
CERTIFIED = [kind for kind in Kind if kind is not Kind.TRIPLE]


def met(stream: bytes, kind: Kind) -> set[str]:
    return {key.subject for key in measure(stream).counts if key.kind is kind}


def test_a_start_unit_meets_its_six_elements() -> None:
    assert met(START, Kind.ELEMENT) == {
        "nnr_unit_size_flag", "nnr_unit_size", "nnr_unit_type", "independently_decodable_flag",
        "partial_data_counter_present_flag", "general_profile_idc",
    }  # fmt: skip
    for kind in (Kind.CONTEXT, Kind.EVENT, Kind.PAIR, Kind.TRIPLE):
        assert met(START, kind) == set()


def test_a_broken_stream_counts_up_to_its_error() -> None:
    cut = measure(START + bytes.fromhex("000804"))
    assert "unit-size-end" in cut.error
    assert {key for key in measure(START).counts if key.kind is Kind.ELEMENT} <= set(cut.counts)


def test_every_registered_element_is_a_goal() -> None:
    assert {goal.key.subject for goal in catalogue().values() if goal.key.kind is Kind.ELEMENT} == set(ELEMENTS)


def test_what_is_unreachable_says_why() -> None:
    unreachable = [goal for goal in catalogue().values() if goal.unreachable]
    assert 0 < len(unreachable) < len(catalogue()) / 2


@pytest.fixture(scope="module")
def core() -> Coverage:
    return cover(find_streams([VECTORS / "core"]))


@pytest.mark.parametrize("kind", CERTIFIED)
def test_core_meets_every_certified_goal(core: Coverage, kind: Kind) -> None:
    tally = core.tally(kind, Standing.CERTIFIED)
    assert tally.reached == tally.reachable > 0


def test_core_is_small(core: Coverage) -> None:
    assert len(core.streams) <= 400
    assert sum(path.stat().st_size for path in (VECTORS / "core").rglob("*") if path.is_file()) <= 8 << 20


@pytest.mark.parametrize(("level", "standing"), [("disputed", Standing.DISPUTED), ("inferred", Standing.INFERRED)])
def test_the_other_levels_meet_their_own_goals(core: Coverage, level: str, standing: Standing) -> None:
    own = Coverage({**core.streams, **cover(find_streams([VECTORS / level])).streams})
    for kind in Kind:
        tally = own.tally(kind, standing)
        assert tally.reached == tally.reachable


def test_the_command_writes_a_summary(tmp_path: Path) -> None:
    sample = DATA / "agreed-samples" / "basic.nnr"
    done = CliRunner().invoke(
        build_app(), ["coverage", str(sample), "--json", str(tmp_path / "c.json"), "--html", str(tmp_path), "--jobs", "1"]
    )
    assert done.exit_code == 0, done.output
    summary = json.loads((tmp_path / "c.json").read_text())["summary"]
    assert set(summary) == {kind.value for kind in Kind}
    assert 0 < summary["element"]["reached"] < summary["element"]["reachable"]
    assert list(tmp_path.glob("*.html"))
