"""The state of a stream that later units depend on."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from nnc_conformance.reference.errors import NNCError
from nnc_conformance.reference.limits import DecodeLimits
from nnc_conformance.reference.syntax.walker import Values

FIRST_EDITION_PROFILE: Final = 0
SECOND_EDITION_PROFILE: Final = 1
"""Values of general_profile_idc."""

Shapes = Mapping[str, tuple[int, ...]]
"""Tensor dimensions by topology_elem_id."""


class ChangedShapes(Mapping[str, tuple[int, ...]]):
    """Shapes with some tensors changed.

    The others are looked up, and so parsed, only when asked for.
    """

    def __init__(self, shapes: Shapes, changes: Shapes) -> None:
        self._shapes: Shapes = shapes
        self._changes: Shapes = changes
        if isinstance(shapes, ChangedShapes):
            self._shapes, self._changes = shapes._shapes, {**shapes._changes, **changes}

    def __getitem__(self, name: str) -> tuple[int, ...]:
        return self._changes[name] if name in self._changes else self._shapes[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._shapes, **self._changes})

    def __len__(self) -> int:
        return len({**self._shapes, **self._changes})


@dataclass(frozen=True)
class Quantization:
    """The qp density and quantization parameter of a parameter set.

    Its method flags have NNR_QSU or NNR_QCB.
    """

    qp_density: int
    quantization_parameter: int


@dataclass
class PartialSet:
    """An unfinished set of partial data units.

    Args:
        unit_type: nnr_unit_type of all units in the set.
        header: Header of the first unit.
        next_counter: partial_data_counter due in the next unit.
        pieces: The payloads so far, each with the bit of the stream at which it starts.
    """

    unit_type: int
    header: Values
    next_counter: int
    pieces: list[tuple[bytes, int]] = field(default_factory=list)


class PayloadError(NNCError):
    """The content of a payload breaks ``rule``; the walker that meets it adds the place."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(detail)
        self.rule = rule


@dataclass
class StreamContext:
    """The state that units leave behind for later units.

    Readers and writers keep the same one.

    Args:
        limits: Bounds that the structures enforce.
        open_topology: Called with the storage format, compression format and bytes of each
            topology; returns the tensor dimensions in it, and raises `PayloadError` for data that
            cannot be used.
        open_quantization: Called in the same way with quantization data.
        base_shapes: Dimensions of the base model's tensors, in force where an update codes none
            (second edition).
        profile: general_profile_idc: 0 first edition, 1 second edition.
        parent_signalling: mps_parent_signalling_enabled_flag.
        pre: nnr_pre_flag.
        units: Units met so far, those in aggregates included.
        depth: Number of aggregates around the current unit.
        partial: The unfinished set of partial data units, if any.
    """

    limits: DecodeLimits = field(default_factory=DecodeLimits)
    open_topology: Callable[[int, int, bytes], Shapes] = lambda *_: {}
    open_quantization: Callable[[int, int, bytes], None] = lambda *_: None
    base_shapes: Shapes = field(default_factory=dict)
    profile: int = 0
    parent_signalling: bool = False
    pre: bool = False
    units: int = 0
    depth: int = 0
    str_seen: bool = False
    mps_seen: bool = False
    lps_self_contained: bool = False
    unification: bool = False
    indexed_references: bool = False
    mps_quantization: Quantization | None = None
    lps_quantization: Quantization | None = None
    reference_list: tuple[str, ...] | None = None
    shapes: Shapes = field(default_factory=dict)
    partial: PartialSet | None = None

    @property
    def second_edition(self) -> bool:
        """Whether the stream has the elements of the second edition."""
        return self.profile == SECOND_EDITION_PROFILE

    @property
    def quantization(self) -> Quantization | None:
        """The quantization in force: an LPS with a qp replaces the MPS's.

        An LPS without one leaves it.
        """
        return self.lps_quantization or self.mps_quantization
