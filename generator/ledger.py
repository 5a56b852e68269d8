"""The ledger: every revision that a published vector ever had, so that no state of the folder, made anew or not, can take one back.

``python -m nnc_conformance.generator.ledger`` enters the revisions of vectors/ that docs/vector.ledger.json lacks; what stands in it stays.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from nnc_conformance.reference.errors import NNCError
from nnc_conformance.storage import outputs
from nnc_conformance.storage.documents import canonical_json
from nnc_conformance.storage.suite_folder import load_suite
from nnc_conformance.storage.vector import Manifest

ROOT: Final = Path(__file__).parents[1]
FILE: Final = ROOT / "docs" / "vector.ledger.json"

Ledger = Mapping[str, tuple[str, ...]]
"""The SHA-256 of vector.json at each revision of an id, from the first on."""


class LedgerError(NNCError):
    """A suite contradicts what has been published."""


def read(file: Path = FILE) -> Ledger:
    """The ledger that stands in a file; raises `OSError` or `ValueError`."""
    return {name: tuple(hashes) for name, hashes in json.loads(file.read_text(encoding="utf-8")).items()}


def contradictions(ledger: Ledger, manifest: Manifest) -> Iterator[str]:
    """What of a suite cannot be entered: a revision with other bytes, one taken back or left out, an id gone unretired or come back."""
    now = {entry.id: entry for entry in manifest.vectors}
    for name in ledger:
        if (name in now) == (name in manifest.retired):
            yield f"{name} is here and retired" if name in now else f"{name} was published and is neither here nor retired"
    for entry in now.values():
        hashes = ledger.get(entry.id, ())
        if entry.revision < len(hashes) or entry.revision > len(hashes) + 1:
            yield f"{entry.id} has revision {entry.revision}, the ledger {len(hashes)}"
        elif entry.revision == len(hashes) and entry.sha256 != hashes[-1]:
            yield f"{entry.id} has other bytes than its revision {entry.revision} had"


def entered(ledger: Ledger, manifest: Manifest) -> Ledger:
    """The ledger with a suite's new revisions; raises `LedgerError` where the suite contradicts it."""
    found = list(contradictions(ledger, manifest))
    if found:
        raise LedgerError("; ".join(found))
    new = {entry.id: entry.sha256 for entry in manifest.vectors if entry.revision > len(ledger.get(entry.id, ()))}
    return {name: (*ledger.get(name, ()), *([new[name]] if name in new else [])) for name in sorted({*ledger, *new})}


def main() -> None:
    """Enters the revisions of vectors/."""
    manifest = load_suite(ROOT / "vectors", levels=(), verify=False).manifest
    outputs.write_text(FILE, canonical_json(entered(read(), manifest)))


if __name__ == "__main__":
    main()
