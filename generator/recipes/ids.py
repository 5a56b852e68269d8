"""topology_elem_id: the names of parameters (clause 6)."""

from nnc_conformance.generator.composition import Coded, header, ndu, opening
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.reference.syntax.structures.data_unit import BI, NNR_PT_BLOCK, NNR_PT_INT
from nnc_conformance.reference.syntax.walker import Values

_ID = ("6 nnr_compressed_data_unit_header",)
_LIST = ("6 topology_elements_ids_list",)


def named(*names: str) -> list[Values]:
    """A small tensor by each name."""
    return opening() + [ndu(header(NNR_PT_INT, name, (2,)), Coded([number, -1])) for number, name in enumerate(names)]


def block_named(weight: str, bias: str) -> list[Values]:
    """A BLOCK of two parts by these names."""
    head = header(NNR_PT_BLOCK, (weight, bias), (2, 2), parameter_types=BI)
    return [*opening(), ndu(head, {weight: Coded([1, -2, 3, 0]), bias: Coded([9, -9])})]


RECIPES = (
    Recipe(
        "ndu-id-utf8",
        "Names beyond ASCII",
        "A name is UTF-8, one to four bytes a character.",
        "A decoder that takes names for Latin-1 or ASCII.",
        _ID,
        lambda _: named("ß", "重み", "𝛼", "e\u0301", "a"),
    ),
    Recipe(
        "ndu-id-characters",
        "Unusual characters in names",
        "Any character but zero may stand in a name: blanks, slashes, dots, quotes, control characters.",
        "A decoder that trims names, or makes file names of them.",
        _ID,
        lambda _: named(" lead and trail ", "../up", "a/b:c", '"quoted"', "tab\there", "line\nbreak", "\x7f"),
    ),
    Recipe(
        "ndu-id-lengths",
        "Names of 1 to 1000 bytes",
        "A name ends at its zero byte, however long it is.",
        "A decoder with a fixed buffer for names.",
        _ID,
        lambda _: named("n", *(character * length for character, length in zip("opqr", (127, 128, 255, 1000), strict=True))),
    ),
    Recipe(
        "ndu-id-case-and-prefix",
        "Names that differ little",
        "Names are compared byte by byte.",
        "A decoder that folds case, normalises Unicode, or matches prefixes.",
        _ID,
        lambda _: named("w", "W", "w1", "w11", "é", "e\u0301"),
    ),
    Recipe(
        "ndu-id-list",
        "A list of names in a BLOCK",
        "byte_alignment() stands before the strings of a list.",
        "A decoder that reads the list from where the count ends.",
        _LIST,
        lambda _: block_named("conv.weight", "conv.bias"),
    ),
    Recipe(
        "ndu-id-list-utf8",
        "A list of names beyond ASCII",
        "The strings of a list are UTF-8 of any length.",
        "A decoder that counts characters for bytes.",
        _LIST,
        lambda _: block_named("重み" * 40, "𝛽"),
    ),
)
