"""From a recipe to a vector and its files; pure, so that any number of workers makes the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from nnc_conformance.generator.facts import met_in
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.reference.decoder import Decoded, decode
from nnc_conformance.reference.errors import NNCError, StreamError
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.storage.safetensors_format import dump_safetensors
from nnc_conformance.storage.suite_folder import stored_file
from nnc_conformance.storage.vector import EXPECTED_FILE, STREAM_FILE, TOPOLOGY_FILE, DisputedChoice, StoredFile, Vector

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
    """Makes a vector; raises `RecipeError` where the reference refuses its stream though it should not."""
    stream = recipe.stream(seed)
    files = {STREAM_FILE: stream}
    decoded = decoded_or_none(stream, Interpretation())
    choices: tuple[DisputedChoice, ...] = ()
    if recipe.switch is not None:
        choices = tuple(
            DisputedChoice(switch=recipe.switch, choice=name, expected=_keep(files, choice_file(recipe.switch, name), tensors))
            for name, tensors in outputs_by_choice(stream, recipe.switch).items()
        )
    elif decoded is None:
        raise RecipeError(f"{recipe.id}: {met_in(stream).error}")
    expected = _keep(files, EXPECTED_FILE, None if decoded is None else decoded.parameters)
    topology = None
    if decoded is not None and decoded.topology is not None:
        files[TOPOLOGY_FILE] = decoded.topology.data
        topology = stored_file(TOPOLOGY_FILE, decoded.topology.data)
    facts = met_in(stream)
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
        provenance=facts.provenance,
        stream=stored_file(STREAM_FILE, stream),
        expected=expected,
        topology=topology,
        choices=choices,
    )
    return Made(vector, files)


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
