"""From a recipe to a vector and its files; pure, so that any number of workers makes the same."""

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
    """A recipe does not give the vector that it promises."""


@dataclass(frozen=True)
class Made:
    """A vector, at its first revision, and its files by name."""

    vector: Vector
    files: Mapping[str, bytes]


def choice_file(switch: str, choice: str) -> str:
    """Name of the file with the tensors of one choice."""
    return f"choice-{switch.replace('_', '-')}-{choice.replace('_', '-')}.safetensors"


def decoded_or_none(stream: bytes, interpretation: Interpretation) -> Decoded | None:
    """What a stream decodes to; None where it is refused."""
    try:
        return decode(stream, interpretation=interpretation)
    except StreamError:
        return None


def make(recipe: Recipe, seed: int) -> Made:
    """Makes a vector; raises `RecipeError` where the reference does not treat its stream as the recipe promises."""
    return made_of(recipe, recipe.stream(seed))


def made_of(recipe: Description, stream: bytes) -> Made:
    """Makes a vector of a stream; raises `RecipeError` as `make`."""
    files = {STREAM_FILE: stream}
    negative: NegativeSpec | None = None
    choices: tuple[DisputedChoice, ...] = ()
    if recipe.rule is not None:
        decoded = lenient_output(recipe.id, stream, recipe.rule)
        negative = NegativeSpec(rule=recipe.rule, policy=RULES[recipe.rule].policy, category=RULES[recipe.rule].category)
    elif recipe.switch is not None:
        decoded = decoded_or_none(stream, Interpretation())
        choices = tuple(
            DisputedChoice(switch=recipe.switch, choice=name, expected=_keep(files, choice_file(recipe.switch, name), tensors))
            for name, tensors in outputs_by_choice(stream, recipe.switch).items()
        )
    else:
        decoded = good_output(recipe.id, stream)
    expected = _keep(files, EXPECTED_FILE, None if decoded is None else decoded.parameters)
    topology = None
    if decoded is not None and decoded.topology is not None:
        files[TOPOLOGY_FILE] = decoded.topology.data
        topology = stored_file(TOPOLOGY_FILE, decoded.topology.data)
    facts = met_in(stream, lenient=recipe.rule is not None)
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
    return Made(vector, files)


def good_output(recipe_id: str, stream: bytes) -> Decoded:
    """What a good stream decodes to; raises `RecipeError`."""
    try:
        return decode(stream)
    except StreamError as error:
        raise RecipeError(f"{recipe_id}: {error}") from None


def lenient_output(recipe_id: str, stream: bytes, rule: str) -> Decoded | None:
    """What a lenient decoder gives for a stream that breaks ``rule``, None for a ``must``; raises `RecipeError` where another is broken."""
    must = RULES[rule].policy is Policy.MUST
    for lenient in (False, True):
        try:
            decoded = decode(stream, lenient=lenient)
        except StreamError as error:
            if error.rule != rule or (lenient and not must):
                raise RecipeError(f"{recipe_id}: {error}") from None
        else:
            others = sorted({report.rule for report in decoded.reports} - {rule})
            if not lenient or must or others:
                raise RecipeError(f"{recipe_id}: {rule} is not broken, or not alone: {', '.join(others) or 'decoded'}")
            return decoded
    return None


def provenance_of(facts: Facts, negative: NegativeSpec | None) -> Provenance:
    """The weakest source of what was met; to refuse a stream one need not know what is only inferred of its meaning."""
    if negative is None:
        return facts.provenance
    source = RULES[negative.rule].provenance
    return weakest(source, facts.provenance if negative.policy is Policy.MAY else facts.provenance_of_elements)


def outputs_by_choice(stream: bytes, switch: str) -> dict[str, dict[str, np.ndarray] | None]:
    """The tensors under each choice of a switch by the choice's name, all other switches at their defaults; None where refused."""
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
