"""Expected output of a vector, read from its files."""

from dataclasses import dataclass

from nnc_conformance.storage.suite_folder import StoredVector
from nnc_conformance.storage.tensor_types import Tensors
from nnc_conformance.storage.tensors import load_tensors
from nnc_conformance.storage.vector import StoredFile
from nnc_conformance.suites.results.result import ChoiceMade


@dataclass(frozen=True)
class ExpectedOutput:
    """Expected output of a vector.

    Attributes:
        tensors: Tensors by parameter name; None if the stream must be refused.
        topology: Bytes of the topology as carried; None if there is none or it is empty.
        choices: Disputed vectors: tensors under each choice, None if the choice refuses the stream.
    """

    tensors: Tensors | None
    topology: bytes | None
    choices: tuple[tuple[ChoiceMade, Tensors | None], ...] = ()


def read_expected_output(stored: StoredVector) -> ExpectedOutput:
    """Read what a vector must decode to; raise `SuiteError` or `ModelError`."""
    vector = stored.vector

    def tensors(file: StoredFile | None) -> Tensors | None:
        return None if file is None else load_tensors(stored.read(file))

    return ExpectedOutput(
        tensors(vector.steps[-1].expected),
        (stored.read(topology) or None) if (topology := vector.steps[-1].topology) is not None else None,
        tuple((ChoiceMade(switch=choice.switch, choice=choice.choice), tensors(choice.expected)) for choice in vector.choices),
    )
