"""Expected output of a vector's steps, read from its files."""

from dataclasses import dataclass, replace

from nnc_conformance.storage.suite_folder import StoredVector
from nnc_conformance.storage.tensor_types import Tensors
from nnc_conformance.storage.tensors import load_tensors
from nnc_conformance.storage.vector import StoredFile
from nnc_conformance.suites.results.result import ChoiceMade


@dataclass(frozen=True)
class ExpectedOutput:
    """Expected output of a step.

    Attributes:
        tensors: Tensors by parameter name; None if the stream must be refused.
        topology: Bytes of the topology as carried; None if there is none or it is empty.
        choices: Disputed vectors, last step: tensors under each choice, None if the choice refuses
            the stream.
        model: Parameters of the model after the step; None where they are those of ``tensors``.
    """

    tensors: Tensors | None
    topology: bytes | None
    choices: tuple[tuple[ChoiceMade, Tensors | None], ...] = ()
    model: Tensors | None = None


def read_expected_steps(stored: StoredVector) -> tuple[ExpectedOutput, ...]:
    """Read the expected tensors, topology and model of each step of a vector.

    The last step also has those of each disputed choice. Raises `SuiteError` or `ModelError`.
    """
    vector = stored.vector

    def tensors(file: StoredFile | None) -> Tensors | None:
        return None if file is None else load_tensors(stored.read(file))

    steps = [
        ExpectedOutput(
            tensors(step.expected),
            (stored.read(step.topology) or None) if step.topology is not None else None,
            model=tensors(step.model),
        )
        for step in vector.steps
    ]
    made = tuple((ChoiceMade(switch=choice.switch, choice=choice.choice), tensors(choice.expected)) for choice in vector.choices)
    return (*steps[:-1], replace(steps[-1], choices=made))


def read_expected_output(stored: StoredVector) -> ExpectedOutput:
    """Read what the last step of a vector must decode to; raise `SuiteError` or `ModelError`."""
    return read_expected_steps(stored)[-1]
