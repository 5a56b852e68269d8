"""Probes: a few small vectors for each capability.

Each has a good stream and one to be refused.

They are chosen from the built-in suite. If it has no vectors, streams are composed and decoded by
the reference.
"""

import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from nnc_conformance.generator.facts import met_in
from nnc_conformance.reference.composer import (
    HeaderForm,
    TensorContent,
    aggregate_unit,
    data_unit,
    ids_list,
    layer_parameter_set,
    model_parameter_set,
    quantization_unit,
    simple_header,
    split_unit,
    start_unit,
    topology_unit,
)
from nnc_conformance.reference.decoder import decode
from nnc_conformance.reference.errors import StreamError
from nnc_conformance.reference.syntax.bitstream import write_units
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.rules import RULES, Policy, Provenance
from nnc_conformance.reference.syntax.structures.data_unit import (
    BI,
    DC,
    NNR_PT_BLOCK,
    NNR_PT_FLOAT,
    NNR_PT_INT,
    NNR_PT_RAW_FLOAT,
    Codebook,
    DataUnitHeader,
    DimensionMapping,
)
from nnc_conformance.reference.syntax.structures.topology import (
    DEFLATE,
    NNR_TPL_BMSK,
    NNR_TPL_PRUN,
    NNR_TPL_PYT,
    NNR_TPL_REFLIST,
    RAW,
)
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.safetensors_format import dump_safetensors
from nnc_conformance.storage.suite_folder import (
    StoredVector,
    Suite,
    SuiteError,
    built_in_root,
    load_suite,
    stored_file,
    write_manifest,
    write_vector,
)
from nnc_conformance.storage.vector import EDITIONS, EXPECTED_FILE, STREAM_FILE, TOPOLOGY_FILE, Edition, Level, NegativeSpec, Vector
from nnc_conformance.suites.results.standing import CaseStanding, standing

LEVELS: Final = (Level.CORE, Level.FULL, Level.NEGATIVE, Level.INFERRED, Level.DISPUTED)
"""Levels of the probes."""
_STANDINGS: Final = (CaseStanding.CONFORMANCE, CaseStanding.OWN, CaseStanding.INFERRED, CaseStanding.DISPUTED)
"""Standings of the probes: one of a later standing is used only if none of an earlier needs the
capability.
"""
_PAYLOADS: Final = ("int", "float", "raw-float")
"""Capabilities that a small decoder may have one of: each is probed in each edition."""
PROBES_FOR_EACH: Final = 2
"""Most good vectors for a capability, and most broken streams for a category of refusals.

For each capability there is also one broken stream.
"""


def built_in_probes(editions: Collection[Edition] = EDITIONS) -> Suite | None:
    """Return the probes of the built-in suite that test ``editions``.

    Return None if it has no vectors.
    """
    try:
        suite = load_suite(built_in_root(), levels=LEVELS, verify=False)
    except SuiteError:
        return None
    tested = [stored for stored in suite.vectors if stored.vector.edition in editions]
    return replace(suite, vectors=chosen(tested)) if tested else None


def chosen(vectors: Iterable[StoredVector], taken: Mapping[str, int] | None = None) -> tuple[StoredVector, ...]:
    """Choose the simplest good vectors for each capability, and the simplest broken ones.

    Broken ones are chosen for each category and for each capability. Good and broken alternate.

    Args:
        vectors: The vectors to choose from.
        taken: What is chosen already, as `counted` says.
    """
    good: dict[str, StoredVector] = {}
    bad: dict[str, StoredVector] = {}
    taken = dict(taken or {})
    for stored in sorted(vectors, key=_simplicity):
        vector = stored.vector
        if vector.negative is not None and vector.negative.policy is not Policy.MUST:
            continue
        keys = _keys(stored)
        if any(taken.get(key, 0) < (1 if key.startswith("with ") else PROBES_FOR_EACH) for key in keys):
            (good if vector.negative is None else bad)[vector.id] = stored
            for key in keys:
                taken[key] = taken.get(key, 0) + 1
    return tuple(in_turn(list(good.values()), list(bad.values())))


def counted(vectors: Iterable[StoredVector]) -> Counter[str]:
    """Count the good and the broken vectors for each capability.

    Also count the broken ones for each category.
    """
    return Counter(key for stored in vectors for key in _keys(stored))


def _keys(stored: StoredVector) -> tuple[str, ...]:
    """Return the names under which a vector serves as a probe.

    A good vector has one for each capability that it needs, and one for each of its payload types
    in its edition, such as ``int in 2024``. A negative one has its error category and its
    capabilities.
    """
    broken, flags = stored.vector.negative, stored.vector.flags
    if broken is not None:
        return f"as {broken.category}", *(f"with {flag}" for flag in flags)
    return *flags, *(f"{flag} in {stored.vector.edition}" for flag in flags if flag in _PAYLOADS)


def _simplicity(stored: StoredVector) -> tuple[int, int, int, str]:
    vector = stored.vector
    return _STANDINGS.index(standing(vector.level, vector.provenance)), len(vector.flags), stored.stream_bytes, vector.id


def in_turn(first: Sequence[StoredVector], second: Sequence[StoredVector]) -> Iterable[StoredVector]:
    """Yield one of the first, one of the second, and so on; then the rest."""
    for number in range(max(len(first), len(second))):
        yield from first[number : number + 1]
        yield from second[number : number + 1]


_QP: Final = Quantization(0, -4)
_LPS_QP: Final = Quantization(2, -9)
_INDEXES: Final = np.array([[1, -2, 0], [3, 0, -1]])
_TOPOLOGY: Final = b"a topology, given out as it is carried"


def _header(payload_type: int, name: str = "w", dimensions: tuple[int, ...] = (2, 3), dq_flag: bool = False) -> DataUnitHeader:
    return simple_header(payload_type, name, dimensions, _QP, dq_flag=dq_flag)


def _coded(header: DataUnitHeader, form: HeaderForm | None = None, indexes: np.ndarray = _INDEXES) -> Values:
    """Return a data unit whose first tensor has ``indexes`` and whose others have 2, -2."""
    further = dict.fromkeys(header.ids[1:], TensorContent(np.array([2, -2])))
    return data_unit(header, {header.ids[0]: TensorContent(indexes), **further}, form=form)


def _opening(*, indexed: bool = False) -> list[Values]:
    return [start_unit(), model_parameter_set(_QP, indexed_references=indexed)]


_INT: Final = _header(NNR_PT_INT)
_FLOAT: Final = _header(NNR_PT_FLOAT)
_BLOCK: Final = replace(_header(NNR_PT_BLOCK), ids=("w", "b"), parameter_types=BI)
_DECOMPOSED: Final = replace(_header(NNR_PT_BLOCK), ids=("w_G", "w_H"), parameter_types=DC, decomposition_rank=1, g_number_of_rows=2)
_MAPPED: Final = replace(_INT, ids=("v", "w"), mapping=DimensionMapping(0, (0,), ((), ())))
_MAPS: Final = {"sparsification": {"spm_count_thresholds": 0, "entry": []}}
_MASK: Final = {"nnr_rep_type": NNR_TPL_BMSK, "prune_flag": 0, "order_flag": 0, "sparse_flag": 0}
_LIST: Final = ["other", "w"]


def _partial() -> list[Values]:
    whole = _coded(_FLOAT)
    return [*_opening(), *split_unit(whole, whole["nnr_unit_payload"]["cabac_codeword"], [1])]


def composed_units() -> dict[tuple[str, ...], list[Values]]:
    """Return the units of each composed stream by the capabilities that it needs."""
    first = (data_unit(_header(NNR_PT_RAW_FLOAT), np.array([0.5, -0.0, np.nan, np.inf, 1e-45, 3], np.float32)),)
    return {
        ("raw-float",): [*_opening(), *first],
        ("int",): [*_opening(), _coded(_INT)],
        ("float",): [*_opening(), _coded(_FLOAT)],
        ("dq", "float"): [*_opening(), _coded(_header(NNR_PT_FLOAT, dq_flag=True), indexes=np.array([[2, -2, 0], [4, -1, 0]]))],
        ("codebook", "float"): [*_opening(), _coded(replace(_FLOAT, codebook=Codebook(np.array([-9, -4, 0, 5, 6, 40], np.int32), 2)))],
        ("block",): [*_opening(), _coded(_BLOCK)],
        ("block", "block-dc"): [*_opening(), _decomposed()],
        ("block-scan", "float"): [
            *_opening(),
            _coded(replace(_header(NNR_PT_FLOAT, dimensions=(20, 9)), scan_order=1), indexes=np.arange(180) % 7 - 3),
        ],
        ("float", "lps"): [
            *_opening(),
            layer_parameter_set(_LPS_QP),
            _coded(replace(_FLOAT, quantization=_LPS_QP)),
        ],
        ("int", "qnt"): [*_opening(), quantization_unit(0, RAW, b"any data"), _coded(_INT)],
        ("aggregate", "int"): [*_opening(), aggregate_unit([_coded(_header(NNR_PT_INT, "v")), _coded(_INT)])],
        ("int", "topology"): [*_opening(), topology_unit(NNR_TPL_PYT, RAW, {"topology_data": _TOPOLOGY}), _coded(_INT)],
        ("deflate", "int", "topology"): [
            *_opening(),
            topology_unit(NNR_TPL_PYT, DEFLATE, {"topology_data": zlib.compress(_TOPOLOGY)}),
            _coded(_INT),
        ],
        ("int", "pruning"): [*_opening(), topology_unit(NNR_TPL_PRUN, RAW, {"nnr_pruning_topology_container": _MASK}), _coded(_INT)],
        ("indexed-reference", "int"): [
            *_opening(indexed=True),
            topology_unit(NNR_TPL_REFLIST, RAW, {"topology_elements_ids_list": ids_list(_LIST)}),
            _coded(_INT, HeaderForm(reference_list=_LIST)),
        ],
        ("int", "performance-map"): [start_unit(), model_parameter_set(_QP, maps=_MAPS), _coded(_INT)],
        ("data-format", "int"): [*_opening(), _coded(replace(_INT, data_format=5))],
        ("float", "partial-data"): _partial(),
        ("int", "multiple-elements"): [*_opening(), data_unit(_MAPPED, {"v": TensorContent(_INDEXES)})],
    }


def _decomposed() -> Values:
    return data_unit(_DECOMPOSED, {"w_G": TensorContent(np.array([1, -2])), "w_H": TensorContent(np.array([3, 0, -1]))})


def composed_probes(folder: Path) -> Suite:
    """Write the composed probes as a suite into ``folder``.

    For each capability there is a good stream, and the same cut short, to be refused.
    """
    made = []
    for flags, units in composed_units().items():
        stream = write_units(units)
        made += [_good(flags, stream), _cut(flags, stream[:-1])]
    for vector, files in made:
        write_vector(folder, vector, files)
    write_manifest(folder, [vector for vector, _ in made])
    suite = load_suite(folder)
    return replace(suite, vectors=chosen(suite.vectors))


def _good(flags: tuple[str, ...], stream: bytes) -> tuple[Vector, dict[str, bytes]]:
    """Make a probe from a good stream: the vector and its files by name.

    Args:
        flags: The capabilities that the stream needs.
        stream: The stream; the reference provides the expected tensors.
    """
    decoded, facts = decode(stream), met_in(stream)
    files = {STREAM_FILE: stream, EXPECTED_FILE: dump_safetensors(decoded.parameters)}
    if decoded.topology is not None:
        files[TOPOLOGY_FILE] = decoded.topology.data
    return _vector("-".join(flags), Level.CORE, flags, files, facts.provenance), files


def _cut(flags: tuple[str, ...], stream: bytes) -> tuple[Vector, dict[str, bytes]]:
    """Make a negative probe from a truncated stream: the vector and its files by name.

    Args:
        flags: The capabilities that the stream needs.
        stream: The stream; the reference provides the rule that it breaks.

    Raises:
        AssertionError: The reference decodes the stream.
    """
    try:
        decode(stream)
    except StreamError as error:
        broken = NegativeSpec(rule=error.rule, policy=RULES[error.rule].policy, category=error.category)
        files = {STREAM_FILE: stream}
        return _vector(f"{'-'.join(flags)}-cut", Level.NEGATIVE, flags, files, met_in(stream).provenance_of_elements, broken), files
    raise AssertionError("the reference decoded a stream that was cut short")


def _vector(
    name: str, level: Level, flags: tuple[str, ...], files: dict[str, bytes], source: Provenance, negative: NegativeSpec | None = None
) -> Vector:
    """Describe a probe as a vector, with the size and hash of each file.

    Args:
        name: The end of its id.
        level: Its level.
        flags: The capabilities that it needs.
        files: The content of its files, by file name.
        source: The source of the facts that it needs; any but an inferred one makes it our own.
        negative: The rule that the stream breaks; None for a good stream.
    """
    stored = {file: stored_file(file, data) for file, data in files.items()}
    return Vector(
        id=f"probe-{name}",
        revision=1,
        level=level,
        title=f"A stream with {', '.join(flags)}" + (", cut short" if negative else ""),
        tests="Whether declared capabilities exist.",
        catches="A decoder that declares what it cannot do.",
        clauses=("6",),
        flags=flags,
        elements=(),
        provenance=source if source is Provenance.INFERRED else Provenance.OWN,
        stream=stored[STREAM_FILE],
        expected=stored.get(EXPECTED_FILE),
        topology=stored.get(TOPOLOGY_FILE),
        negative=negative,
    )
