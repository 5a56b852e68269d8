"""What the tools of clause 8 change: a network's coded parameters, its graph, and what the stream will say about them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from math import prod
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.model import Topology
from nnc_conformance.reference.reduction.shifts import diagonal_sums
from nnc_conformance.reference.syntax.structures.data_unit import G_SUFFIX
from nnc_conformance.reference.topology.classes import Role, role

Array = npt.NDArray[Any]

H_SUFFIX: Final = "_H"
LS_SUFFIX: Final = "_LS"


class Form(StrEnum):
    """What two coded tensors G and H say about the tensor W that they stand for."""

    PRODUCT = "product"
    """W = G x H: an NNR_PT_BLOCK with the bit DC."""
    DISPLACEMENT = "displacement"
    """W minus W moved down and right by one is G x H: parameters of their own, from which the graph computes W."""


GENERATOR_SUFFIXES: Final = {Form.PRODUCT: (G_SUFFIX, H_SUFFIX), Form.DISPLACEMENT: (".G", ".H")}


@dataclass(frozen=True)
class Decomposition:
    """How a tensor of ``dimensions`` is decomposed; G has ``rows`` rows (g_number_of_rows)."""

    form: Form
    dimensions: tuple[int, ...]
    rows: int

    def names(self, name: str) -> tuple[str, str]:
        """The names of G and H of the tensor ``name``."""
        g, h = GENERATOR_SUFFIXES[self.form]
        return name + g, name + h

    def whole(self, g: Array, h: Array) -> Array:
        """The tensor, float32, from G [rows, rank] and H [rank, columns]: products in binary64, rounded once."""
        product = g.astype(np.float64) @ h.astype(np.float64)
        if self.form is Form.DISPLACEMENT:
            product = diagonal_sums(product)
        return product.astype(np.float32).reshape(self.dimensions)


@dataclass(frozen=True)
class Network:
    """A network on its way into a stream; tools return changed copies.

    ``parameters``: what is coded, by name, G, H and LS included; ``topology``: the graph, over whole tensors; ``exact``: names to be
    coded without loss; ``decomposed``: tensors of the graph for which G and H are coded; ``scaled``: the name of the LS vector of a tensor
    of the graph; ``indexes``: of tensors that are quantized already, as a decoder gives them (int32, doubled with dq_flag);
    ``pruned``: new dimensions of tensors that lost channels.
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
        """The number of coded floating point parameters."""
        return sum(array.size for array in self.parameters.values() if role(array) is not Role.OTHER)

    def with_parameters(self, changed: Mapping[str, Array]) -> "Network":
        """The network with some parameters replaced or added, as float32."""
        return replace(self, parameters={**self.parameters, **{name: np.asarray(array, np.float32) for name, array in changed.items()}})

    def whole(self, name: str) -> Array:
        """A tensor of the graph, without its LS: as it is coded, or from its G and H."""
        if name not in self.decomposed:
            return self.parameters[name]
        decomposition = self.decomposed[name]
        g, h = decomposition.names(name)
        return decomposition.whole(self.parameters[g], self.parameters[h])


def weights(network: Network, patterns: Sequence[str] | None = None, *, decomposed: bool = False) -> tuple[str, ...]:
    """The names of weights (floating, 2 dimensions or more, not exact), in order; of ``decomposed`` ones too where that is asked for.

    ``patterns``: shell patterns that choose. Raises `ModelError` for a pattern that no weight fits.
    """
    parts = {part for name, how in network.decomposed.items() for part in how.names(name)}
    found = [
        name for name, array in network.parameters.items() if role(array) is Role.WEIGHT and name not in network.exact and name not in parts
    ] + list(network.decomposed if decomposed else ())
    for pattern in patterns or ():
        if not any(fnmatchcase(name, pattern) for name in found):
            raise ModelError(f"no weight matches {pattern!r}; choose from {', '.join(found)}")
    return tuple(name for name in found if patterns is None or any(fnmatchcase(name, pattern) for pattern in patterns))


def runnable(network: Network) -> dict[str, Array]:
    """The parameters by the names of the graph, G and H multiplied and LS applied."""
    consumed = {part for name, how in network.decomposed.items() for part in how.names(name)} | set(network.scaled.values())
    names = [name for name in network.parameters if name not in consumed] + list(network.decomposed)
    return {name: scaled_rows(network.whole(name), network.parameters.get(network.scaled.get(name, ""))) for name in names}


def scaled_rows(weight: Array, factors: Array | None) -> Array:
    """Each row (dimension 0) of a tensor times its factor, in binary32."""
    return weight if factors is None else weight * factors.reshape(-1, *(1,) * (weight.ndim - 1))


def matrix(array: Array) -> Array:
    """A tensor as a matrix: dimension 0 by the product of the others."""
    return array.reshape(array.shape[0], prod(array.shape[1:]))


def unused_name(network: Network, wanted: str) -> str:
    """``wanted``, or with a number behind it where the network has a parameter of that name."""
    number, name = 0, wanted
    while name in network.parameters:
        number += 1
        name = f"{wanted}{number}"
    return name


@dataclass(frozen=True)
class Accuracy:
    """What a network is worth on held data: the share of right answers, over all samples and over those of each class met."""

    overall: float
    by_class: Mapping[int, float] = field(default_factory=dict)


Score = Callable[[Network], Accuracy]
