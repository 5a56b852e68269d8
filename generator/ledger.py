"""The ledger: every revision that a published vector ever had.

So no published vector can be changed unnoticed.

``python -m nnc_conformance.generator.ledger`` adds the new revisions of vectors/ to
docs/vector.ledger.json; existing entries stay.
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
"""The ledger in the repository."""

Ledger = Mapping[str, tuple[str, ...]]
"""The SHA-256 of vector.json for each revision of an id, from the first."""


class LedgerError(NNCError):
    """A suite contradicts what was published."""


def read(file: Path = FILE) -> Ledger:
    """Read a ledger; raise OSError or ValueError."""
    return {name: tuple(hashes) for name, hashes in json.loads(file.read_text(encoding="utf-8")).items()}


def contradictions(ledger: Ledger, manifest: Manifest) -> Iterator[str]:
    """List what contradicts the ledger.

    A contradiction is a published revision with other bytes, a revision that is missing or taken
    back, an id that vanished without being retired, or a retired id that is in use again.
    """
    now = {entry.id: entry for entry in manifest.vectors}
    for name in ledger:
        if (name in now) == (name in manifest.retired):
            yield f"{name} is in the suite but retired" if name in now else f"{name} was published but is neither in the suite nor retired"
    for entry in now.values():
        hashes = ledger.get(entry.id, ())
        if entry.revision < len(hashes) or entry.revision > len(hashes) + 1:
            yield f"{entry.id} has revision {entry.revision}, but the ledger ends at {len(hashes)}"
        elif entry.revision == len(hashes) and entry.sha256 != hashes[-1]:
            yield f"{entry.id} differs from its published revision {entry.revision}"


def entered(ledger: Ledger, manifest: Manifest) -> Ledger:
    """Return the ledger with a suite's new revisions.

    Raise LedgerError if the suite contradicts it.
    """
    found = list(contradictions(ledger, manifest))
    if found:
        raise LedgerError("; ".join(found))
    new = {entry.id: entry.sha256 for entry in manifest.vectors if entry.revision > len(ledger.get(entry.id, ()))}
    return {name: (*ledger.get(name, ()), *([new[name]] if name in new else [])) for name in sorted({*ledger, *new})}


def main() -> None:
    """Add the revisions of vectors/ to the ledger."""
    manifest = load_suite(ROOT / "vectors", levels=(), verify=False).manifest
    outputs.write_text(FILE, canonical_json(entered(read(), manifest)))


if __name__ == "__main__":
    main()
