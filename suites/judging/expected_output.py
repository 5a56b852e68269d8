"""What a vector must decode to, read from its files."""

from dataclasses import dataclass

from nnc_conformance.storage.suite_folder import StoredVector
from nnc_conformance.storage.tensor_types import Tensors
from nnc_conformance.storage.tensors import load_tensors
from nnc_conformance.storage.vector import StoredFile, Vector
from nnc_conformance.suites.results.result import ChoiceMade


@dataclass(frozen=True)
class ExpectedOutput:
    """A vector's expected outputs: tensors (None: none are stated), topology bytes (None: none, or empty), and the tensors of each choice.

    A choice with None for its tensors refuses the stream.
    """

    tensors: Tensors | None
    topology: bytes | None
    choices: tuple[tuple[ChoiceMade, Tensors | None], ...] = ()


def read_expected_output(stored: StoredVector) -> ExpectedOutput:
    """Returns what the vector's files say that it decodes to; raises `SuiteError` or `ModelError` where they cannot be read."""
    vector: Vector = stored.vector

    def tensors(file: StoredFile | None) -> Tensors | None:
        return None if file is None else load_tensors(stored.read(file))

    return ExpectedOutput(
        tensors(vector.expected),
        (stored.read(vector.topology) or None) if vector.topology is not None else None,
        tuple((ChoiceMade(switch=choice.switch, choice=choice.choice), tensors(choice.expected)) for choice in vector.choices),
    )
