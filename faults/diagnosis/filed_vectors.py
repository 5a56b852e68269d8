"""Failing streams as vectors of a suite folder that a run takes."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nnc_conformance.faults.diagnosis.shrink import Failure, reference
from nnc_conformance.generator.building import BuiltVector, build_from, build_session
from nnc_conformance.generator.facts import met_in_session
from nnc_conformance.generator.recipe import Description
from nnc_conformance.reference.decoder import Decoded
from nnc_conformance.reference.errors import StreamError
from nnc_conformance.reference.syntax.elements import clause_of
from nnc_conformance.reference.syntax.rules import RULES
from nnc_conformance.reference.updates.base_model import BaseModel
from nnc_conformance.storage.suite_folder import load_suite, write_manifest, write_vector
from nnc_conformance.storage.vector import MANIFEST_FILE, AnyVector, Level

DESCRIPTION: Final = "found by its failure on a decoder, and shrunk"
LONGEST_ID: Final = 80
"""Characters of a vector's id."""


def vector_of(stream: bytes, name: str, failure: Failure, decoder: str) -> BuiltVector:
    """Build the vector of a failing stream, with the reference's output as the expected one.

    Of a bad stream that breaks only rules of policy ``may`` it is the lenient output, as in all
    such vectors.

    Args:
        stream: The stream.
        name: The vector's id.
        failure: How the decoder fails on it.
        decoder: The decoder's name.

    Raises:
        RecipeError: The reference does not say clearly what the stream must give.
    """
    truth = reference(stream)
    return build_from(_description((stream,), truth, name, failure, decoder), stream)


def session_vector_of(streams: Sequence[bytes], name: str, failure: Failure, decoder: str) -> BuiltVector:
    """Build the vector of a session that a decoder fails; arguments as of `vector_of`.

    It ends with the first stream that the reference refuses. Raise `RecipeError`.
    """
    base, truth, count = BaseModel(), reference(streams[0], BaseModel()), 1
    while isinstance(truth, Decoded) and count < len(streams):
        base = truth.model or base
        truth, count = reference(streams[count], base), count + 1
    return build_session(_description(streams[:count], truth, name, failure, decoder), streams[:count])


def _description(streams: Sequence[bytes], truth: Decoded | StreamError, name: str, failure: Failure, decoder: str) -> Description:
    """Write the description of a vector made of streams on which a decoder failed.

    Args:
        streams: The streams, in order.
        truth: What the reference decodes the last stream to, or its refusal.
        name: The vector's id; shortened if too long.
        failure: How the decoder fails.
        decoder: The decoder's name.
    """
    rule = truth.rule if isinstance(truth, StreamError) else None
    first = None if len(streams) == 1 else BaseModel()
    found = met_in_session(streams, lenient=rule is not None, base=first)
    clauses = tuple(dict.fromkeys(clause_of(element).partition(" ")[0] for element in found.names)) or ("6",)
    return Description(
        id=name[:LONGEST_ID],
        title=f"{name}: {failure}",
        tests=f"{DESCRIPTION} ({decoder})",
        catches=f"{failure} of {decoder}",
        clauses=tuple(clause for clause in clauses if clause != "-") or (RULES[rule].clause if rule else "6",),
        level=Level.NEGATIVE if rule else Level.FULL,
        rule=rule,
    )


def file_vector(root: Path, made: BuiltVector) -> AnyVector:
    """Add a vector to a suite folder and its manifest.

    Replace a vector with the same id.

    Raise `SuiteError` or `OSError`.
    """
    others = [stored.vector for stored in load_suite(root, verify=False).vectors] if (root / MANIFEST_FILE).exists() else []
    write_vector(root, made.vector, made.files)
    write_manifest(root, [*(other for other in others if other.id != made.vector.id), made.vector])
    return made.vector


def vector_id(text: str) -> str:
    """Turn any text into a vector's id: lower-case letters, digits and single hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:LONGEST_ID].strip("-") or "stream"
