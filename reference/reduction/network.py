"""The network that the tools of clause 8 change: coded parameters, graph and signalling."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from math import prod
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.syntax.structures.data_unit import G_SUFFIX
from nnc_conformance.reference.topology.classes import Role, role
from nnc_conformance.reference.topology.content import Topology

Array = npt.NDArray[Any]

H_SUFFIX: Final = "_H"
"""Suffix of the parameter that holds H of a decomposed weight."""
LS_SUFFIX: Final = "_LS"
"""Suffix of the parameter that holds the local scaling factors of a weight."""


class DecompositionForm(StrEnum):
    """How two coded tensors G and H represent a tensor W."""

    PRODUCT = "product"
    """W = G x H, coded as an NNR_PT_BLOCK with the bit DC."""
    DISPLACEMENT = "displacement"
    """W minus W shifted down and right by one is G x H.

    G and H are parameters of their own, from which the graph computes W.
    """


GENERATOR_SUFFIXES: Final = {DecompositionForm.PRODUCT: (G_SUFFIX, H_SUFFIX), DecompositionForm.DISPLACEMENT: (".G", ".H")}
"""Suffixes of the names of G and H, by form."""


@dataclass(frozen=True)
class Decomposition:
    """How a tensor is decomposed into G and H.

    Args:
        dimensions: Shape of the tensor.
        rows: Rows of G (g_number_of_rows).
    """

    form: DecompositionForm
    dimensions: tuple[int, ...]
    rows: int

    def names(self, name: str) -> tuple[str, str]:
        """Return the names of G and H for the tensor ``name``."""
        g, h = GENERATOR_SUFFIXES[self.form]
        return name + g, name + h

    def whole(self, g: Array, h: Array) -> Array:
        """Compute the tensor, float32, from G [rows, rank] and H [rank, columns].

        Products are computed in binary64 and rounded once.
        """
        product = g.astype(np.float64) @ h.astype(np.float64)
        if self.form is DecompositionForm.DISPLACEMENT:
            product = diagonal_sums(product)
        return product.astype(np.float32).reshape(self.dimensions)


@dataclass(frozen=True)
class Network:
    """A network to be encoded; it is immutable, and tools return changed copies.

    Args:
        parameters: Coded tensors by name, including G, H and LS.
        topology: The graph, which refers to whole tensors.
        exact: Names of parameters to code without loss.
        decomposed: Tensors of the graph for which G and H are coded instead.
        scaled: Name of the LS vector of a tensor of the graph.
        indexes: Indexes of tensors that are already quantized, as a decoder returns them
            (int32, doubled with dq_flag).
        pruned: New dimensions of tensors that lost channels.
    """

    parameters: Mapping[str, Array]
    topology: Topology | None = None
    exact: frozenset[str] = frozenset()
    decomposed: Mapping[str, Decomposition] = field(default_factory=dict)
    scaled: Mapping[str, str] = field(default_factory=dict)
    indexes: Mapping[str, Array] = field(default_factory=dict)
    pruned: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """The number of coded floating point values."""
        return sum(array.size for array in self.parameters.values() if role(array) is not Role.OTHER)

    def with_parameters(self, changed: Mapping[str, Array]) -> "Network":
        """Return the network with some parameters replaced or added, as float32."""
        return replace(self, parameters={**self.parameters, **{name: np.asarray(array, np.float32) for name, array in changed.items()}})

    def whole(self, name: str) -> Array:
        """Return a tensor of the graph, multiplied from G and H if decomposed, without LS."""
        if name not in self.decomposed:
            return self.parameters[name]
        decomposition = self.decomposed[name]
        g, h = decomposition.names(name)
        return decomposition.whole(self.parameters[g], self.parameters[h])


def weights(network: Network, patterns: Sequence[str] | None = None, *, decomposed: bool = False) -> tuple[str, ...]:
    """List the names of the weights in order.

    A weight is a floating point tensor with two dimensions or more that is not exact.

    Args:
        patterns: Shell patterns that select weights; all weights if absent.
        decomposed: Whether to include the graph's names of decomposed weights.

    Raises:
        ModelError: If a pattern matches no weight.
    """
    parts = {part for name, decomposition in network.decomposed.items() for part in decomposition.names(name)}
    names = [
        name for name, array in network.parameters.items() if role(array) is Role.WEIGHT and name not in network.exact and name not in parts
    ] + list(network.decomposed if decomposed else ())
    for pattern in patterns or ():
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ModelError(f"no weight matches {pattern!r}; choose from {', '.join(names)}")
    return tuple(name for name in names if patterns is None or any(fnmatchcase(name, pattern) for pattern in patterns))


def runnable(network: Network) -> dict[str, Array]:
    """Return the values by the graph's names, with G x H multiplied and LS applied."""
    consumed = {part for name, decomposition in network.decomposed.items() for part in decomposition.names(name)} | set(
        network.scaled.values()
    )
    names = [name for name in network.parameters if name not in consumed] + list(network.decomposed)
    return {name: scaled_rows(network.whole(name), network.parameters.get(network.scaled.get(name, ""))) for name in names}


def scaled_rows(weight: Array, factors: Array | None) -> Array:
    """Multiply each row (dimension 0) of a tensor by its factor, in binary32."""
    return weight if factors is None else weight * factors.reshape(-1, *(1,) * (weight.ndim - 1))


def diagonal_sums(matrix: Array) -> Array:
    """Invert `displacement.displacement` of a matrix.

    Each entry becomes the sum of itself and all entries up and left of it on its diagonal.
    """
    sums = matrix.copy()
    for row in range(1, len(sums)):
        sums[row, 1:] += sums[row - 1, :-1]
    return sums


def matrix(array: Array) -> Array:
    """Reshape a tensor to a matrix: dimension 0 by the product of the others."""
    return array.reshape(array.shape[0], prod(array.shape[1:]))


def unused_name(network: Network, wanted: str) -> str:
    """Return ``wanted``, with a number appended if the network already has such a parameter."""
    number, name = 0, wanted
    while name in network.parameters:
        number += 1
        name = f"{wanted}{number}"
    return name


@dataclass(frozen=True)
class Accuracy:
    """Share of correct answers on held-out samples: over all of them, and by class."""

    overall: float
    by_class: Mapping[int, float] = field(default_factory=dict)


Score = Callable[[Network], Accuracy]
"""Measures the accuracy of a network."""
