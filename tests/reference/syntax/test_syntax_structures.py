"""One structure, many walkers: the registry and the structures agree, and a change of a structure
changes all walkers.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from nnc_conformance.reference import trace
from nnc_conformance.reference.composer import start_unit
from nnc_conformance.reference.errors import EncodeError, StreamError
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.syntax import elements, structures
from nnc_conformance.reference.syntax.bitstream import read_units, write_units
from nnc_conformance.reference.syntax.context import StreamContext
from nnc_conformance.reference.syntax.rules import RULES, Provenance
from nnc_conformance.reference.syntax.structures import unit as unit_structures
from nnc_conformance.reference.syntax.walker import Walker

SOURCES = sorted(Path(structures.__file__).parent.glob("*.py"))
STREAM = bytes.fromhex("00040000")


def walker_calls() -> Iterator[tuple[str, str, list[ast.expr]]]:
    """(method, element, further arguments) of every call of a walker's descriptor methods in the
    structures.
    """
    methods = ("u", "i", "ue", "ie", "flt", "st", "bs", "flags")
    nodes = [node for source in SOURCES for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.Call)]
    for node in nodes:
        named = isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) and node.func.value.id in ("w", "inner")
        if named and node.func.attr in methods and isinstance(node.args[0], ast.Constant):  # type: ignore[attr-defined]
            yield node.func.attr, str(node.args[0].value), node.args[1:]  # type: ignore[attr-defined]


def test_every_element_of_a_structure_is_registered_with_its_descriptor() -> None:
    for method, name, arguments in walker_calls():
        descriptor = elements.ELEMENTS[name].descriptor
        kind, _, inside = descriptor.rstrip(")").partition("(")
        assert kind == ("u" if method == "flags" else method), name
        if method in ("u", "i", "ue", "ie") and isinstance(arguments[0], ast.Constant):
            assert str(arguments[0].value) in inside.split("|"), name


def test_every_registered_element_stands_in_a_structure() -> None:
    named = {name for _, name, _ in walker_calls()} | {"byte_alignment", "topology_data", "quantization_data"}
    named |= {f"nnr_reserved_zero_{n}bit{'s' if n > 1 else ''}" for n in (1, 2, 3, 7)}
    registered = {name for name, row in elements.ELEMENTS.items() if row.clause == "6"}
    assert registered == named


def test_every_rule_that_code_names_is_registered() -> None:
    root = Path(structures.__file__).parents[2]
    named = set()
    for source in root.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "require":
                rule = next((a.value for a in node.args if isinstance(a, ast.Constant) and a.value in RULES), None)
                named.add(rule)
    assert named - {None} <= set(RULES)
    assert len(named) > 30


def test_a_change_of_a_structure_changes_reader_writer_and_tracer(monkeypatch: pytest.MonkeyPatch) -> None:
    original = unit_structures.nnr_start_unit_header

    def changed(w: Walker, context: StreamContext) -> None:
        original(w, context)
        w.u("an_element_of_the_test", 16)

    row = elements.ElementRow("an_element_of_the_test", "6", "nnr_start_unit_header", "u(16)", "", Provenance.INFERRED)
    monkeypatch.setitem(elements.ELEMENTS, row.name, row)
    assert write_units([start_unit()]) == STREAM
    monkeypatch.setattr(unit_structures, "nnr_start_unit_header", changed)
    with pytest.raises(EncodeError, match="an_element_of_the_test"):
        write_units([start_unit()])
    values = start_unit()
    values["nnr_unit_header"]["an_element_of_the_test"] = 0xABCD
    stream = write_units([values])
    assert stream == bytes.fromhex("00060000abcd")
    (unit,) = read_units(stream, StreamContext(), interpretation=Interpretation())
    assert unit.header["an_element_of_the_test"] == 0xABCD
    assert [line.element for line in trace(stream)][-1] == "an_element_of_the_test"
    with pytest.raises(StreamError) as caught:
        list(read_units(STREAM, StreamContext(), interpretation=Interpretation()))
    assert caught.value.rule == "header-in-unit"


def test_errors_name_unit_byte_bit_element_and_clause() -> None:
    with pytest.raises(StreamError) as caught:
        list(read_units(bytes.fromhex("0004000000060800"), StreamContext(), interpretation=Interpretation()))
    place = caught.value.place
    assert (place.unit, place.byte, place.bit, place.element, place.clause) == (1, 6, 0, "nnr_unit_size", "6 nnr_unit")
