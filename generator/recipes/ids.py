"""topology_elem_id: the names of parameters (clause 6)."""

from nnc_conformance.generator.composition import Coded, header, ndu, opening
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.reference.syntax.structures.data_unit import BI, NNR_PT_BLOCK, NNR_PT_INT
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level

_ID = ("6 nnr_compressed_data_unit_header",)
_LIST = ("6 topology_elements_ids_list",)


_ENDS = ("\x80", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0010ffff")


def named(*names: str) -> list[Values]:
    """Build a small tensor for each name."""
    return opening() + [ndu(header(NNR_PT_INT, name, (2,)), Coded([number, -1])) for number, name in enumerate(names)]


def block_named(weight: str, bias: str) -> list[Values]:
    """Build a BLOCK whose two parts have these names."""
    head = header(NNR_PT_BLOCK, (weight, bias), (2, 2), parameter_types=BI)
    return [*opening(), ndu(head, {weight: Coded([1, -2, 3, 0]), bias: Coded([9, -9])})]


RECIPES = (
    Recipe(
        id="ndu-id-utf8",
        title="Names beyond ASCII",
        tests="A name is UTF-8, one to four bytes a character.",
        catches="A decoder that takes names for Latin-1 or ASCII.",
        clauses=_ID,
        level=Level.FULL,
        units=lambda _: named("ß", "重み", "𝛼", "e\u0301", "a"),
    ),
    Recipe(
        id="ndu-id-utf8-ends",
        title="The first and the last character of each length in UTF-8",
        tests="Names hold the first and the last characters of two, three and four bytes, and those beside the surrogates.",
        catches="A decoder that refuses or replaces characters at the ends of UTF-8, or U+FFFF, which no text has.",
        clauses=_ID,
        units=lambda _: named(*_ENDS) + block_named("".join(_ENDS), "w")[len(opening()) :],
    ),
    Recipe(
        id="ndu-id-byte-order-mark",
        title="Names with a byte order mark",
        tests="U+FEFF is a character of a name like any other, first, last, alone and in a list.",
        catches="A decoder that strips a byte order mark, as some readers of UTF-8 do.",
        clauses=_ID,
        units=lambda _: named("\ufeffw", "w", "\ufeff", "w\ufeff", "\ufeff\ufeffw") + block_named("\ufeffb", "b")[len(opening()) :],
    ),
    Recipe(
        id="ndu-id-characters",
        title="Unusual characters in names",
        tests="Any character but zero may stand in a name: blanks, slashes, dots, quotes, control characters.",
        catches="A decoder that trims names, or makes file names of them.",
        clauses=_ID,
        units=lambda _: named(" lead and trail ", "../up", "a/b:c", '"quoted"', "tab\there", "line\nbreak", "\x7f"),
    ),
    Recipe(
        id="ndu-id-lengths",
        title="Names of 1 to 1000 bytes",
        tests="A name ends at its zero byte, however long it is.",
        catches="A decoder with a fixed buffer for names.",
        clauses=_ID,
        units=lambda _: named("n", *(character * length for character, length in zip("opqr", (127, 128, 255, 1000), strict=True))),
    ),
    Recipe(
        id="ndu-id-long",
        title="Names of 4,095 to 4,097 bytes",
        tests="A name may be longer than a page of memory or the path of a file.",
        catches="A decoder that keeps names as paths, or in a buffer of 4,096 bytes.",
        clauses=_ID,
        units=lambda _: named("n", *(character * length for character, length in zip("opq", (4095, 4096, 4097), strict=True))),
    ),
    Recipe(
        id="ndu-id-65536",
        title="Names of 65,535 and 65,536 bytes",
        tests="The length of a name has no limit but that of its unit.",
        catches="A decoder that keeps the length of a name in 16 bits.",
        clauses=_ID,
        level=Level.FULL,
        units=lambda _: [
            *opening(),
            *(
                ndu(header(NNR_PT_INT, character * length, (2,)), Coded([length, -1]), nnr_unit_size_flag=1)
                for character, length in (("a", 65_535), ("b", 65_536))
            ),
        ],
    ),
    Recipe(
        id="ndu-id-case-and-prefix",
        title="Names that differ little",
        tests="Names are compared byte by byte.",
        catches="A decoder that folds case, normalises Unicode, or matches prefixes.",
        clauses=_ID,
        units=lambda _: named("w", "W", "w1", "w11", "é", "e\u0301"),
    ),
    Recipe(
        id="ndu-id-list",
        title="A list of names in a BLOCK",
        tests="byte_alignment() stands before the strings of a list.",
        catches="A decoder that reads the list from where the count ends.",
        clauses=_LIST,
        level=Level.FULL,
        units=lambda _: block_named("conv.weight", "conv.bias"),
    ),
    Recipe(
        id="ndu-id-list-utf8",
        title="A list of names beyond ASCII",
        tests="The strings of a list are UTF-8 of any length.",
        catches="A decoder that counts characters for bytes.",
        clauses=_LIST,
        units=lambda _: block_named("重み" * 40, "𝛽"),
    ),
)
