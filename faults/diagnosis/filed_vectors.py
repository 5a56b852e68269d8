"""A stream on which a decoder fails as a vector ready to file: a suite folder that a run takes."""

from pathlib import Path
from typing import Final

from nnc_conformance.faults.diagnosis.shrink import Failure, reference
from nnc_conformance.generator.building import BuiltVector, build_from
from nnc_conformance.generator.facts import met_in
from nnc_conformance.generator.recipe import Description
from nnc_conformance.reference.errors import StreamError
from nnc_conformance.reference.syntax.elements import clause_of
from nnc_conformance.reference.syntax.rules import RULES
from nnc_conformance.storage.suite_folder import load_suite, write_manifest, write_vector
from nnc_conformance.storage.vector import MANIFEST_FILE, Level, Vector

DESCRIPTION: Final = "found by its failure on a decoder, and made as small as it goes"


def vector_of(stream: bytes, name: str, failure: Failure, decoder: str) -> BuiltVector:
    """The vector of a failing stream: expected is what the reference gives; raises `RecipeError` where that promises nothing clear.

    A bad stream that breaks a rule of policy ``may`` and no other has the lenient output, as all such vectors have.
    """
    truth = reference(stream)
    rule = truth.rule if isinstance(truth, StreamError) else None
    found = met_in(stream, lenient=rule is not None)
    clauses = tuple(dict.fromkeys(clause_of(element).partition(" ")[0] for element in found.names)) or ("6",)
    description = Description(
        id=name[:80],
        title=f"{name}: {failure}",
        tests=f"{DESCRIPTION} ({decoder})",
        catches=f"{failure} of {decoder}",
        clauses=tuple(clause for clause in clauses if clause != "-") or (RULES[rule].clause if rule else "6",),
        level=Level.NEGATIVE if rule else Level.FULL,
        rule=rule,
    )
    return build_from(description, stream)


def file_vector(root: Path, made: BuiltVector) -> Vector:
    """Adds a vector to a suite folder, and to its manifest; one of the same id is replaced. Raises `SuiteError` and `OSError`."""
    others = [stored.vector for stored in load_suite(root, verify=False).vectors] if (root / MANIFEST_FILE).exists() else []
    write_vector(root, made.vector, made.files)
    write_manifest(root, [*(other for other in others if other.id != made.vector.id), made.vector])
    return made.vector
