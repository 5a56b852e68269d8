"""Building vectors from recipes: a pure function, so any number of workers gives the same bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from nnc_conformance.generator.facts import Facts, met_in, weakest
from nnc_conformance.generator.recipe import Description, Recipe
from nnc_conformance.reference.decoder import Decoded, decode
from nnc_conformance.reference.errors import NNCError, StreamError
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.syntax.rules import RULES, Policy, Provenance
from nnc_conformance.storage.safetensors_format import dump_safetensors
from nnc_conformance.storage.suite_folder import stored_file
from nnc_conformance.storage.vector import EXPECTED_FILE, STREAM_FILE, TOPOLOGY_FILE, DisputedChoice, NegativeSpec, StoredFile, Vector

FIRST_REVISION: Final = 1


class RecipeError(NNCError):
    """The reference decoder disagrees with a recipe."""


@dataclass(frozen=True)
class BuiltVector:
    """A vector at its first revision, with its files by name."""

    vector: Vector
    files: Mapping[str, bytes]


def choice_file(switch: str, choice: str) -> str:
    """Return the name of the file with the tensors of one choice."""
    return f"choice-{switch.replace('_', '-')}-{choice.replace('_', '-')}.safetensors"


def decoded_or_none(stream: bytes, interpretation: Interpretation) -> Decoded | None:
    """Decode a stream; return None if it is refused."""
    try:
        return decode(stream, interpretation=interpretation)
    except StreamError:
        return None


def build(recipe: Recipe, seed: int) -> BuiltVector:
    """Build a recipe's vector.

    Raise RecipeError if the reference decoder disagrees with the recipe.
    """
    return build_from(recipe, recipe.stream(seed))


def build_from(recipe: Description, stream: bytes) -> BuiltVector:
    """Build the vector of a stream; raise RecipeError if the reference decoder disagrees."""
    files = {STREAM_FILE: stream}
    negative: NegativeSpec | None = None
    choices: tuple[DisputedChoice, ...] = ()
    facts = met_in(stream, lenient=recipe.rule is not None)
    if recipe.rule is not None:
        require_broken(recipe.id, stream, recipe.rule, facts)
        negative = NegativeSpec(rule=recipe.rule, policy=RULES[recipe.rule].policy, category=RULES[recipe.rule].category)
    elif recipe.switch is not None:
        choices = tuple(
            DisputedChoice(switch=recipe.switch, choice=name, expected=_keep(files, choice_file(recipe.switch, name), tensors))
            for name, tensors in outputs_by_choice(stream, recipe.switch).items()
        )
    elif facts.error is not None:
        raise RecipeError(f"{recipe.id}: {facts.error}")
    decoded = facts.decoded
    expected = _keep(files, EXPECTED_FILE, None if decoded is None else decoded.parameters)
    topology = None
    if decoded is not None and decoded.topology is not None:
        files[TOPOLOGY_FILE] = decoded.topology.data
        topology = stored_file(TOPOLOGY_FILE, decoded.topology.data)
    vector = Vector(
        id=recipe.id,
        revision=FIRST_REVISION,
        level=recipe.level,
        title=recipe.title,
        tests=recipe.tests,
        catches=recipe.catches,
        clauses=recipe.clauses,
        flags=facts.flags,
        elements=facts.names,
        provenance=provenance_of(facts, negative),
        stream=stored_file(STREAM_FILE, stream),
        expected=expected,
        topology=topology,
        choices=choices,
        negative=negative,
        network=recipe.network,
    )
    return BuiltVector(vector, files)


def require_broken(recipe_id: str, stream: bytes, rule: str, lenient: Facts) -> None:
    """Raise RecipeError unless a stream breaks ``rule`` and no other.

    ``lenient``: the facts of a lenient decode.
    """
    must = RULES[rule].policy is Policy.MUST
    errors = [error for error in (error_of(stream), lenient.error) if error is not None]
    for error in errors:
        if error.rule != rule or (error is lenient.error and not must):
            raise RecipeError(f"{recipe_id}: {error}")
    forgiven = set() if lenient.decoded is None else {report.rule for report in lenient.decoded.reports}
    if others := sorted(forgiven - {rule}):
        raise RecipeError(f"{recipe_id}: the stream also breaks {', '.join(others)}")
    if not errors or (must and lenient.decoded is not None):
        raise RecipeError(f"{recipe_id}: the stream does not break {rule}")


def error_of(stream: bytes) -> StreamError | None:
    """Return the error that ends a strict decode, if any."""
    try:
        decode(stream)
    except StreamError as error:
        return error
    return None


def provenance_of(facts: Facts, negative: NegativeSpec | None) -> Provenance:
    """Return the weakest source that a decoder depends on to handle the stream.

    To refuse a stream, a decoder need not know meanings of elements that are only inferred.
    """
    if negative is None:
        return facts.provenance
    source = RULES[negative.rule].provenance
    return weakest(source, facts.provenance if negative.policy is Policy.MAY else facts.provenance_of_elements)


def outputs_by_choice(stream: bytes, switch: str) -> dict[str, dict[str, np.ndarray] | None]:
    """Decode a stream under each choice of one disputed point.

    Returns tensors by the choice's name, or None if the choice refuses the stream. All other
    disputed points keep their defaults.
    """
    outputs = {}
    for choice in Interpretation.switches()[switch]:
        decoded = decoded_or_none(stream, Interpretation.parse({switch: choice.value}))
        outputs[str(choice.value)] = None if decoded is None else decoded.parameters
    return outputs


def _keep(files: dict[str, bytes], name: str, tensors: Mapping[str, np.ndarray] | None) -> StoredFile | None:
    if tensors is None:
        return None
    files[name] = dump_safetensors(tensors)
    return stored_file(name, files[name])
