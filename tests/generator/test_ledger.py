"""The ledger of revisions: the published vectors stand in it, and nothing that was published can be
changed or taken back unseen.
"""

import pytest

from nnc_conformance.generator.ledger import ROOT, LedgerError, contradictions, entered, read
from nnc_conformance.storage.suite_folder import load_suite
from nnc_conformance.storage.vector import Level, Manifest, ManifestEntry

LEDGER = {"a": ("1" * 64,), "b": ("2" * 64, "3" * 64)}


def manifest(*entries: tuple[str, int, str], retired: tuple[str, ...] = ()) -> Manifest:
    return Manifest(
        vectors=tuple(ManifestEntry(id=name, level=Level.CORE, revision=revision, sha256=digit * 64) for name, revision, digit in entries),
        retired=retired,
    )


def test_the_published_vectors_stand_in_the_ledger() -> None:
    published = load_suite(ROOT / "vectors", levels=(), verify=False).manifest
    assert list(contradictions(read(), published)) == []
    assert entered(read(), published) == read(), "python -m nnc_conformance.generator.ledger enters new revisions"


def test_new_ids_and_revisions_are_entered() -> None:
    found = entered(LEDGER, manifest(("a", 2, "4"), ("b", 2, "3"), ("c", 1, "5")))
    assert found == {"a": ("1" * 64, "4" * 64), "b": ("2" * 64, "3" * 64), "c": ("5" * 64,)}
    assert entered(LEDGER, manifest(("b", 2, "3"), retired=("a",))) == LEDGER


@pytest.mark.parametrize(
    ("suite", "message"),
    [
        (manifest(("a", 1, "4"), ("b", 2, "3")), "a differs from its published revision 1"),
        (manifest(("a", 1, "1"), ("b", 1, "2")), "b has revision 1, but the ledger ends at 2"),
        (manifest(("a", 3, "4"), ("b", 2, "3")), "a has revision 3, but the ledger ends at 1"),
        (manifest(("b", 2, "3")), "a was published but is neither in the suite nor retired"),
        (manifest(("a", 1, "1"), ("b", 2, "3"), retired=("a",)), "a is in the suite but retired"),
        (manifest(("a", 1, "1"), ("b", 2, "3"), ("c", 2, "5")), "c has revision 2, but the ledger ends at 0"),
    ],
)
def test_what_contradicts_the_ledger_is_refused(suite: Manifest, message: str) -> None:
    with pytest.raises(LedgerError, match=message):
        entered(LEDGER, suite)
