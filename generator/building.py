"""Builds vectors from recipes.

Building is a pure function, so any number of workers gives the same bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from nnc_conformance.generator.facts import SessionFacts, decoded_steps, met_in_session, weakest
from nnc_conformance.generator.recipe import Description, Recipe, SessionRecipe
from nnc_conformance.reference.decoder import Decoded
from nnc_conformance.reference.errors import NNCError
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.syntax.elements import FIRST_EDITION, SECOND_EDITION
from nnc_conformance.reference.syntax.rules import RULES, Policy, Provenance
from nnc_conformance.reference.updates.base_model import BaseModel
from nnc_conformance.storage.safetensors_format import dump_safetensors
from nnc_conformance.storage.suite_folder import stored_file
from nnc_conformance.storage.vector import (
    EXPECTED_FILE,
    STREAM_FILE,
    TOPOLOGY_FILE,
    AnyVector,
    DisputedChoice,
    Edition,
    Level,
    NegativeSpec,
    SessionVector,
    Step,
    StoredFile,
    Vector,
)

FIRST_REVISION: Final = 1
STREAM_SUFFIX: Final = ".nnr"
EXPECTED_SUFFIX: Final = "-expected.safetensors"
MODEL_SUFFIX: Final = "-model.safetensors"
TOPOLOGY_SUFFIX: Final = "-topology.bin"
"""Ends of the names of a step's files."""


class RecipeError(NNCError):
    """The reference decoder disagrees with a recipe."""


@dataclass(frozen=True)
class BuiltVector:
    """A vector at its first revision, with its files by name."""

    vector: AnyVector
    files: Mapping[str, bytes]


def step_file(number: int, suffix: str) -> str:
    """Return the name of a step's file."""
    return f"step-{number}{suffix}"


def choice_file(switch: str, choice: str) -> str:
    """Return the name of the file with the tensors of one choice."""
    return f"choice-{switch.replace('_', '-')}-{choice.replace('_', '-')}.safetensors"


def decoded_or_none(stream: bytes, interpretation: Interpretation) -> Decoded | None:
    """Decode a stream; return None if it is refused."""
    return last_or_none((stream,), interpretation, None)


def last_or_none(streams: Sequence[bytes], interpretation: Interpretation, base: BaseModel | None) -> Decoded | None:
    """Decode streams in order; return what the last gives, None if one is refused."""
    steps, error = decoded_steps(streams, interpretation, base=base)
    return None if error is not None else steps[-1]


def base_of(edition: Edition) -> BaseModel | None:
    """Return the model before a vector's first stream.

    It is None for the first edition, which keeps no history.
    """
    return None if edition == FIRST_EDITION else BaseModel()


def build(recipe: Recipe | SessionRecipe, seed: int) -> BuiltVector:
    """Write a recipe's streams and build its vector with the outputs that the reference gives.

    Raises `RecipeError` if the reference decoder disagrees with the recipe.

    Args:
        recipe: The recipe.
        seed: The seed of all random numbers.
    """
    if isinstance(recipe, SessionRecipe):
        return build_session(recipe, recipe.streams(seed))
    if recipe.level is Level.HUGE:
        return build_session(recipe, (recipe.stream(seed),), FIRST_EDITION)
    return build_from(recipe, recipe.stream(seed))


def build_from(recipe: Description, stream: bytes) -> BuiltVector:
    """Build the vector of a stream with the outputs that the reference decoder gives.

    Raises `RecipeError` if the decoder disagrees with the description.

    Args:
        recipe: The hand-written part of the vector.
        stream: The stream, of the first edition.
    """
    files = {STREAM_FILE: stream}
    facts = met_in_session((stream,), lenient=recipe.rule is not None, base=None)
    described = _described(recipe, (stream,), facts, files, base=None)
    decoded = facts.last.decoded
    expected = _keep(files, EXPECTED_FILE, None if decoded is None else decoded.parameters)
    topology = _keep_topology(files, TOPOLOGY_FILE, decoded)
    vector = Vector(**described, stream=stored_file(STREAM_FILE, stream), expected=expected, topology=topology)
    return BuiltVector(vector, files)


def build_session(recipe: Description, streams: Sequence[bytes], edition: Edition = SECOND_EDITION) -> BuiltVector:
    """Build the vector of a session's streams; raise RecipeError if the reference decoder
    disagrees.

    Args:
        recipe: The hand-written part.
        streams: The streams in order.
        edition: The edition that the streams are of.
    """
    files: dict[str, bytes] = {}
    facts = met_in_session(streams, lenient=recipe.rule is not None, base=base_of(edition))
    if len(facts.steps) < len(streams):
        raise RecipeError(f"{recipe.id}: step {len(facts.steps) - 1}: {facts.last.error}")
    steps = []
    for number, (stream, met) in enumerate(zip(streams, facts.steps, strict=True)):
        files[step_file(number, STREAM_SUFFIX)] = stream
        steps.append(_step(files, number, stream, met.decoded))
    described = _described(recipe, streams, facts, files, base=base_of(edition))
    return BuiltVector(SessionVector(**described, edition=edition, steps=tuple(steps)), files)


def _step(files: dict[str, bytes], number: int, stream: bytes, decoded: Decoded | None) -> Step:
    """Describe a step of a session, and keep its expected outputs.

    Args:
        files: The vector's files by name; topology and tensors are added, the stream is not.
        number: Number of the step.
        stream: The stream.
        decoded: What it decodes to; None if it is refused.
    """
    parameters = None if decoded is None else decoded.parameters
    expected = _keep(files, step_file(number, EXPECTED_SUFFIX), parameters)
    after = None if decoded is None or decoded.model is None else dict(decoded.model.parameters)
    differs = after is not None and parameters is not None and dump_safetensors(after) != dump_safetensors(parameters)
    return Step(
        stream=stored_file(step_file(number, STREAM_SUFFIX), stream),
        expected=expected,
        topology=_keep_topology(files, step_file(number, TOPOLOGY_SUFFIX), decoded),
        model=_keep(files, step_file(number, MODEL_SUFFIX), after) if differs else None,
    )


def _described(
    recipe: Description, streams: Sequence[bytes], facts: SessionFacts, files: dict[str, bytes], *, base: BaseModel | None
) -> dict[str, Any]:
    """Describe a vector for either format of vector.json, and keep the tensors of its choices.

    Args:
        recipe: The hand-written part.
        streams: The streams in order.
        facts: What the reference decoder met in them.
        files: The vector's files by name; those of choices are added.
        base: The model before the first stream; None in the first edition.

    Raises:
        RecipeError: If the reference decoder disagrees with the recipe.
    """
    negative: NegativeSpec | None = None
    choices: tuple[DisputedChoice, ...] = ()
    if recipe.rule is not None:
        require_broken(recipe.id, streams, recipe.rule, facts, base)
        negative = NegativeSpec(rule=recipe.rule, policy=RULES[recipe.rule].policy, category=RULES[recipe.rule].category)
    elif recipe.switch is not None:
        choices = tuple(
            DisputedChoice(switch=recipe.switch, choice=name, expected=_keep(files, choice_file(recipe.switch, name), tensors))
            for name, tensors in outputs_by_choice(streams, recipe.switch, base).items()
        )
    elif facts.last.error is not None:
        raise RecipeError(f"{recipe.id}: {facts.last.error}")
    return {
        "id": recipe.id,
        "revision": FIRST_REVISION,
        "level": recipe.level,
        "title": recipe.title,
        "tests": recipe.tests,
        "catches": recipe.catches,
        "clauses": recipe.clauses,
        "flags": facts.flags,
        "elements": facts.names,
        "provenance": provenance_of(facts, negative),
        "choices": choices,
        "negative": negative,
        "network": recipe.network,
    }


def require_broken(recipe_id: str, streams: Sequence[bytes], rule: str, lenient: SessionFacts, base: BaseModel | None) -> None:
    """Raise RecipeError unless the last stream breaks ``rule`` and no other.

    Args:
        recipe_id: The id to name in the error.
        streams: The streams in order.
        rule: The rule.
        lenient: The facts of a decode that is lenient in the last stream.
        base: The model before the first stream.
    """
    must = RULES[rule].policy is Policy.MUST
    steps, strict = decoded_steps(streams, Interpretation(), base=base)
    if strict is not None and len(steps) < len(streams) - 1:
        raise RecipeError(f"{recipe_id}: step {len(steps)}: {strict}")
    last = lenient.last
    errors = [error for error in (strict, last.error) if error is not None]
    for error in errors:
        if error.rule != rule or (error is last.error and not must):
            raise RecipeError(f"{recipe_id}: {error}")
    forgiven = set() if last.decoded is None else {report.rule for report in last.decoded.reports}
    if others := sorted(forgiven - {rule}):
        raise RecipeError(f"{recipe_id}: the stream also breaks {', '.join(others)}")
    if not errors or (must and last.decoded is not None):
        raise RecipeError(f"{recipe_id}: the stream does not break {rule}")


def provenance_of(facts: SessionFacts, negative: NegativeSpec | None) -> Provenance:
    """Return the least certain source among the facts that a decoder needs.

    To refuse a stream, a decoder need not know meanings of elements that are only inferred.

    Args:
        facts: What the reference decoder met in the stream.
        negative: The rule that the stream breaks; None for a good stream.
    """
    if negative is None:
        return facts.provenance
    source = RULES[negative.rule].provenance
    return weakest(source, facts.provenance if negative.policy is Policy.MAY else facts.provenance_of_elements)


def outputs_by_choice(streams: Sequence[bytes], switch: str, base: BaseModel | None) -> dict[str, dict[str, np.ndarray] | None]:
    """Decode streams in order under each choice of one disputed point.

    All other disputed points keep their defaults.

    Args:
        streams: The streams.
        switch: Name of the disputed point.
        base: The model before the first stream; None in the first edition.

    Returns:
        What the last stream decodes to, by the choice's name; None if the choice refuses a stream.
    """
    outputs = {}
    for choice in Interpretation.switches(SECOND_EDITION)[switch]:
        decoded = last_or_none(streams, Interpretation.parse({switch: choice.value}), base)
        outputs[str(choice.value)] = None if decoded is None else decoded.parameters
    return outputs


def _keep(files: dict[str, bytes], name: str, tensors: Mapping[str, np.ndarray] | None) -> StoredFile | None:
    """Add tensors to the vector's files as safetensors and return the file's description.

    Without tensors nothing is added and the result is None.

    Args:
        files: The content of the files by name, changed in place.
        name: Name of the new file.
        tensors: The tensors by name; None if there are none.
    """
    if tensors is None:
        return None
    files[name] = dump_safetensors(tensors)
    return stored_file(name, files[name])


def _keep_topology(files: dict[str, bytes], name: str, decoded: Decoded | None) -> StoredFile | None:
    """Add the decoded topology to the vector's files and return the file's description.

    Without a topology nothing is added and the result is None.

    Args:
        files: The content of the files by name, changed in place.
        name: Name of the new file.
        decoded: What the stream decodes to; None for a stream that is refused.
    """
    if decoded is None or decoded.topology is None:
        return None
    files[name] = decoded.topology.data
    return stored_file(name, files[name])
