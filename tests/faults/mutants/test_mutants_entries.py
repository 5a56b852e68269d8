"""Mutants of single entries of the coder's tables: one entry has another value, and all others are
the standard's.
"""

import numpy as np
import pytest

from nnc_conformance.faults.mutants.catalogue import all_mutants
from nnc_conformance.faults.mutants.entries import TABLES, entries, entry, entry_places, farthest, is_entry, tables_of
from nnc_conformance.faults.mutants.mutated_decoder import Ending, decode_mutated
from nnc_conformance.reference import EncoderOptions, decode, encode
from nnc_conformance.reference.entropy.kernel_tables import DEFAULT, Tables


def changed(tables: Tables) -> dict[str, list[tuple[int, int]]]:
    """The places of each table with another value than the standard's, and that value."""
    pairs = zip(Tables._fields, tables, DEFAULT, strict=True)
    return {name: [(at, int(new.flat[at])) for at in np.flatnonzero(new != old)] for name, new, old in pairs}


@pytest.mark.parametrize(
    ("table", "place", "value", "argument", "before"),
    [
        ("LPS_RANGE_TABLE", 33, 152, "lps_range", "LPS_RANGE_TABLE[33] = 125"),
        ("STATE_STEP_TABLE", 4, 1600, "state_step", "STATE_STEP_TABLE[4] = 1616"),
        ("CONTEXT_PARAMETER_SETS", 17, 5, "parameter_sets", "CONTEXT_PARAMETER_SETS[4][1] = 6"),
        ("STATE_TRANS_TAB", 3, 7, "state_trans", "STATE_TRANS_TAB[1][1] = 5"),
    ],
)
def test_one_entry_has_another_value(table: str, place: int, value: int, argument: str, before: str) -> None:
    made = entry(table, place, value)
    assert made is not None
    assert (made.mutant.before, made.mutant.after) == (before, str(value))
    assert changed(tables_of(made.mutant.id)) == {name: [(place, value)] if name == argument else [] for name in Tables._fields}
    assert is_entry(made.mutant.id)
    assert not any(map(is_entry, all_mutants()))


def test_tables_on_which_the_coder_could_not_run_are_not_made() -> None:
    assert entry("LPS_RANGE_TABLE", 0, 256) is None
    assert entry("LPS_RANGE_TABLE", 0, 0) is None
    assert entry("STATE_TRANS_TAB", 0, 8) is None


@pytest.mark.slow
@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.exhaustive)])
def test_every_entry_has_other_values_and_the_farthest_is_one_of_them(step: int) -> None:
    assert len(list(entry_places())) == 256 + 32 + 36 + 16
    for where in list(entry_places())[::step]:
        made = list(entries(*where))
        tables = [changed(tables_of(one.mutant.id))[TABLES[where[0]].argument] for one in made]
        assert all([place for place, _ in one] == [where[1]] for one in tables)
        assert len({one[0][1] for one in tables}) == len(made) >= 1
        far = farthest(*where)
        assert far is not None
        assert far.mutant in [one.mutant for one in made]


def test_a_wrong_entry_changes_what_is_decoded() -> None:
    """The first bin of a codeword uses the first entry of a row: its range differs, and so does
    what follows.
    """
    stream = encode({"x": np.arange(-40, 40, dtype=np.float32).reshape(8, 10)}, options=EncoderOptions(qp=0, rdo=0))
    wrong = entry("LPS_RANGE_TABLE", 7 * 32, 180)
    assert wrong is not None
    outcome = decode_mutated(wrong.mutant, stream)
    expected = decode(stream).parameters["x"]
    assert outcome.ending is Ending.REFUSED or (outcome.parameters is not None and not np.array_equal(outcome.parameters["x"], expected))
