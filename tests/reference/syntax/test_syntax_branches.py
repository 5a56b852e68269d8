"""Labels of branches: each branch of the structures has its own, and what is missing, doubled or
too much is named with its place.
"""

import pytest

from nnc_conformance.reference.syntax.branches import LabelError, LabelledSource, all_branches, branch_of, instrument, labels_of

LABELLED = '''
def structure(w, a, b):
    """A structure."""
    if a:  # branch: first
        w.u("x", 1)
    elif a and b:  # branch: second (left, right)
        w.u("y", 1)
    # branch: third, fourth
    return [c if c else b for c in a]
'''


def problems(source: str) -> str:
    with pytest.raises(LabelError) as error:
        instrument([LabelledSource("aggregate", source)])
    return str(error.value)


def test_labels_are_given_in_the_order_of_the_source() -> None:
    branches, _ = instrument([LabelledSource("aggregate", LABELLED.replace("third, fourth", "choice, loop"))])
    assert [(branch.label, branch.test) for branch in branches] == [
        ("first", "a"), ("second", "a and b"), ("second: left", "a"), ("second: right", "b"), ("choice", "c"), ("loop", "a"),
    ]  # fmt: skip


def test_a_label_can_be_read_or_is_refused() -> None:
    assert labels_of("a.b-c (one, two words), d") == ["a.b-c", "a.b-c: one", "a.b-c: two words", "d"]
    assert labels_of("two words") is None


def test_a_branch_without_a_label_is_named_with_its_line() -> None:
    text = problems(LABELLED.replace("  # branch: first", ""))
    assert "structures/aggregate.py:4" in text and "'a'" in text


def test_every_problem_is_named() -> None:
    text = problems(LABELLED.replace("  # branch: first", "").replace(" (left, right)", ""))
    assert "structures/aggregate.py:4" in text and text.count("structures/aggregate.py:6") == 2


def test_a_label_too_many_is_named() -> None:
    assert "structures/aggregate.py:4: more labels than branches: again" in problems(LABELLED.replace("first", "first, again"))
    assert "structures/aggregate.py:5: more labels" in problems(LABELLED.replace('"x", 1)', '"x", 1)  # branch: none'))


def test_a_label_at_no_statement_is_named() -> None:
    assert "structures/aggregate.py:10: the label 'late' is at no branch" in problems(LABELLED + "# branch: late\n")


def test_a_label_given_twice_is_named() -> None:
    assert "the label 'first' stands 2 times: in aggregate.structure, aggregate.structure" in problems(LABELLED.replace("third", "first"))


def test_the_structures_have_a_label_for_each_branch() -> None:
    labels = [branch.label for branch in all_branches()]
    assert len(labels) == len(set(labels)) > 100
    assert branch_of("ndu.codebook").function == "nnr_compressed_data_unit_header"
    with pytest.raises(KeyError):
        branch_of("no such label")
