"""NNR_TPL_REFLIST: references by index (clause 6).

Topologies that carry data touch a disputed point: see `disputed_topologies`.
"""

from nnc_conformance.generator.composition import Coded, header, ndu, opening
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.reference.composer import HeaderForm, ids_list, start_unit, topology_unit
from nnc_conformance.reference.syntax.structures.data_unit import BI, NNR_PT_BLOCK, NNR_PT_INT
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_REFLIST, RAW
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level

_LIST = ("6 topology_elements_ids_list", "6 nnr_topology_unit_payload")


def reference_list(names: list[str]) -> Values:
    """Build an NNR_TPL_REFLIST."""
    return topology_unit(NNR_TPL_REFLIST, RAW, {"topology_elements_ids_list": ids_list(names)})


def singles(names: list[str], chosen: list[int]) -> list[Values]:
    """Build small tensors, each referring by one index."""
    form = HeaderForm(reference_list=names)
    return [ndu(header(NNR_PT_INT, names[index], (3,)), Coded([index, -1, 0]), form=form) for index in chosen]


def indexed(names: list[str], chosen: list[int]) -> list[Values]:
    """Build a stream whose tensors refer by index."""
    return [*opening(indexed_references=True), reference_list(names), *singles(names, chosen)]


def block(_: Numbers) -> list[Values]:
    """Build a BLOCK whose ids are a list of indexes, not in order."""
    names = ["bias", "other", "weight"]
    head = header(NNR_PT_BLOCK, ("weight", "bias"), (2, 3), parameter_types=BI)
    tensors = {"weight": Coded([1, 2, -3, 0, 0, 4]), "bias": Coded([7, -7])}
    unit = ndu(head, tensors, form=HeaderForm(reference_list=names))
    return [*opening(indexed_references=True), reference_list(names), unit, *singles(names, [1])]


_MANY = [f"layer{n}.weight" for n in range(400)]

RECIPES = (
    Recipe(
        id="tpl-reflist-two",
        title="The shortest reference list",
        tests="A list of two ids, referred to by indexes 0 and 1.",
        catches="A decoder that counts from 1, or misreads count_topology_elements_minus2.",
        clauses=_LIST,
        level=Level.FULL,
        units=lambda _: indexed(["first", "second"], [1, 0]),
    ),
    Recipe(
        id="tpl-reflist-index-lengths",
        title="Indexes of each code length",
        tests="Indexes 0, 127, 128, 383, 384 and 399 stand on both sides of the lengths of ue(7).",
        catches="A decoder that reads indexes in a fixed number of bits, or the exp-Golomb suffix in the wrong length.",
        clauses=_LIST,
        units=lambda _: indexed(_MANY, [0, 127, 128, 383, 384, 399]),
    ),
    Recipe(
        id="tpl-reflist-before-mps",
        title="A reference list before the MPS",
        tests="The list may stand before the parameter set that says references are indexed.",
        catches="A decoder that forgets a list when the MPS comes, or reads it by the MPS's flag.",
        clauses=_LIST,
        units=lambda _: [
            start_unit(),
            reference_list(["a", "b", "c"]),
            *opening(indexed_references=True)[1:],
            *singles(["a", "b", "c"], [2, 1]),
        ],
    ),
    Recipe(
        id="tpl-reflist-utf8",
        title="Names beyond ASCII in a reference list",
        tests="A list holds UTF-8 of one to four bytes a character.",
        catches="A decoder that takes names for Latin-1, or counts characters for bytes.",
        clauses=_LIST,
        level=Level.FULL,
        units=lambda _: indexed(["é", "層/重み", "𝛼𝛽", "plain"], [0, 1, 2, 3]),
    ),
    Recipe(
        id="tpl-reflist-unused",
        title="A reference list nobody refers to",
        tests="Without mps_topology_indexed_reference_flag ids are strings, list or no list.",
        catches="A decoder that takes ids for indexes because a list is there.",
        clauses=_LIST,
        units=lambda _: [*opening(), reference_list(["a", "b"]), ndu(header(NNR_PT_INT, "c", (3,)), Coded([1, 2, 3]))],
    ),
    Recipe(
        id="tpl-reflist-block",
        title="A BLOCK with indexed ids",
        tests="The ids of a BLOCK are a list of indexes, with byte_alignment() after it.",
        catches="A decoder that aligns before the indexes, as before strings.",
        clauses=_LIST,
        units=block,
    ),
)
