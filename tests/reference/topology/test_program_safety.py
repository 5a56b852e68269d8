"""torch.export programs that would run code when they are loaded: no such thing gets through encode
or decode. Without torch.
"""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from helpers.torch_programs import WEIGHTS, node, program, row, specification
from typer.testing import CliRunner

from nnc_conformance.cli.main import build_app
from nnc_conformance.reference import encode
from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_PYT
from nnc_conformance.reference.topology.content import Topology
from nnc_conformance.reference.topology.program_safety import is_arithmetic
from nnc_conformance.reference.topology.program_texts import is_guard
from nnc_conformance.reference.topology.pytorch import extract, left_out, restore

PICKLE = b"cos\nsystem\n(S'touch /tmp/owned'\ntR."


def unzipped(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {entry.filename: opened.read(entry) for entry in opened.infolist()}


def stripped(archive: bytes) -> bytes:
    """The archive as another encoder's topology: without weights, and with all else."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as kept:
        for name, data in unzipped(archive).items():
            if not name.endswith("weight_0"):
                kept.writestr(name, data)
    return out.getvalue()


def test_a_plain_program_goes_through() -> None:
    size = {"as_expr": {"expr_str": "2*s0 + 1", "hint": {"as_int": 5}}}
    nodes = [node("torch.ops.aten.linear.default", as_tensor={"name": "x"}), node("_operator.add"), node("torch.sym_max", as_sym_int=size)]
    signature = {"forward_arg_names": ["x"], "in_spec": specification(1), "out_spec": ""}
    parts = extract(program(nodes=nodes, model={"signature": signature, "guards_code": ["L['x'].size()[0] >= 2"]}))
    assert (list(parts.parameters), parts.left_out) == (["w"], ())
    assert restore(parts.topology, {"w": WEIGHTS}) == restore(parts.topology, parts.parameters)


HOSTILE_FILES = {
    "sample inputs": "data/sample_inputs/model.pt",
    "weights in the legacy form": "data/weights/model.pt",
    "constants in the legacy form": "data/constants/model.pt",
    "a compiled library": "data/aotinductor/model/model.so",
    "a second model": "models/other.json",
    "sample inputs of another model": "data/sample_inputs/other.pt",
    "a path that is not in its plain form": "models/../data/weights/model.pt",
    "a name in other letters": "Data/weights/model.pt",
}


@pytest.mark.parametrize("name", HOSTILE_FILES.values(), ids=HOSTILE_FILES)
def test_files_that_hold_code_are_left_out_and_named(tmp_path: Path, name: str) -> None:
    hostile = program(files={name: PICKLE})
    topology = stripped(hostile)
    for archive in (extract(hostile).topology, restore(topology, {"w": WEIGHTS})):
        assert all(PICKLE not in data for data in unzipped(archive).values())
        assert unzipped(archive)["archive/data/sample_inputs/model.pt"] == b""
    assert extract(hostile).left_out == left_out(topology) == (f"archive/{name}",)
    (tmp_path / "in.pt2").write_bytes(hostile)
    (tmp_path / "s.nnr").write_bytes(encode({"w": WEIGHTS}, topology=Topology(NNR_TPL_PYT, topology)))
    for words in (["encode", "in.pt2", "out.nnr"], ["decode", "s.nnr", "out.pt2"]):
        done = CliRunner().invoke(build_app(), [words[0], *(str(tmp_path / word) for word in words[1:])])
        assert done.exit_code == 0
        assert f"left out, since loading the model would run it: archive/{name}" in done.output


REFUSED = {
    "a pickled weight": {"weights": {"w": row(), "bad": row("weight_1", pickled=True)}, "files": {"data/weights/weight_1": PICKLE}},
    "a weight whose bytes become the legacy file": {
        "weights": {"w": row("model.pt")},
        "files": {"data/weights/model.pt": WEIGHTS.tobytes()},
    },
    "a weight outside its folder": {"weights": {"w": row("../../models/other.json")}, "files": {"models/other.json": WEIGHTS.tobytes()}},
    "a weight that does not say whether it is pickled": {"weights": {"w": {**row(), "use_pickle": None}}},
    "a pickled constant": {"constants": {"c": row("tensor_0", pickled=True)}},
    "a custom object": {"constants": {"c": row("custom_obj_0")}},
    "an opaque object": {"constants": {"c": row("opaque_obj_0")}},
    "an expression": {"nodes": [node("torch.ops.aten.full.default", as_sym_int={"as_expr": {"expr_str": "exec('1')", "hint": None}})]},
    "a function of torch": {"nodes": [node("torch.hub.load")]},
    "a function of a module in torch": {"nodes": [node("torch.os.system")]},
    "a function of the operators' folder": {"nodes": [node("torch.ops.load_library")]},
    "a function as an argument": {"nodes": [node("torch.ops.higher_order.map_impl", as_operator="torch.os.system")]},
    "a call by an operator": {"nodes": [node("torch.ops.higher_order.map_impl", as_operator="_operator.methodcaller")]},
    "a target that is not text": {"nodes": [{"target": ["torch.os.system"], "inputs": []}]},
    "a table of lists": {"constants": {"c": []}},
    "a call of what loads libraries": {"nodes": [node("torch.ops.load_library.__call__")]},
    "a name of an input": {"model": {"inputs": [{"as_tensor": {"name": "x=[exec('1')]"}}]}},
    "a name of a size": {"model": {"inputs": [{"as_sym_int": {"as_name": "x, y=exec('1')"}}]}},
    "a name of an argument": {"model": {"signature": {"forward_arg_names": ["x", "y=exec('1')"]}}},
    "arguments that are no list": {"model": {"signature": {"forward_arg_names": {"x": 1}}}},
    "a name of a keyword": {"model": {"signature": {"in_spec": specification(1, ["y=exec('1')"])}}},
    "a keyword that is a number": {"model": {"signature": {"in_spec": specification(1, [1])}}},
    "a member of an enumeration": {
        "model": {"signature": {"in_spec": specification(context=json.dumps([{"__enum__": True, "fqn": "antigravity:X", "name": "Y"}]))}}
    },
    "an enumeration in other letters": {
        "model": {"signature": {"out_spec": specification(context='[{"\\u005f_enum__": true, "fqn": "antigravity:X", "name": "Y"}]')}}
    },
    "a factory": {
        "model": {
            "signature": {
                "in_spec": specification(
                    kind="collections.defaultdict",
                    context={"default_factory_module": "antigravity", "default_factory_name": "open", "dict_context": []},
                )
            }
        }
    },
    "a specification that is not JSON": {"model": {"signature": {"in_spec": "[1, {"}}},
    "a specification without children": {"model": {"signature": {"out_spec": "[1, {}]"}}},
    "a specification that is an object": {"model": {"signature": {"in_spec": {}}}},
    "a guard that calls": {"model": {"guards_code": ["L['x'].size()[0] == 2", "exec('1')"]}},
    "a guard that would fill the memory": {"model": {"guards_code": ["9**9**9**9 > L['x'].size()[0]"]}},
    "guards that are a text": {"model": {"guards_code": "exec('1')"}},
}


REASONS = r"pickled|which torch\.export\.load would run|not an operator|cannot be read|which (loading|calling) it could run"


@pytest.mark.parametrize("given", REFUSED.values(), ids=REFUSED)
def test_a_program_that_runs_code_is_refused(given: dict[str, Any]) -> None:
    hostile = program(**given)
    with pytest.raises(ModelError, match=REASONS):
        extract(hostile)
    with pytest.raises(ModelError, match=REASONS):
        restore(stripped(hostile), {"w": WEIGHTS})


@pytest.mark.parametrize(
    "guard",
    [
        "L['x'].size()[0] == L['y'].size()[0]",
        "L['kwargs']['pixel_values'].size()[1] >= 2 and Eq(Mod(L['x'].size()[0], 8), 0)",
        "2 <= L['x'].stride()[0]*3 + 1 or not L['x'].requires_grad",
        "L['d']['pixel-values (1)'].size()[0] == 1",
        "L['x'].size()[0]**2 <= 4096",
        "L['flag'] == True",
        "L['mode'] == 'fast'",
        "L['scale'] == 0.5",
        "L['nothing'] is None",
    ],
)
def test_guards_compare_sizes(guard: str) -> None:
    assert is_guard(guard)


@pytest.mark.parametrize(
    "guard",
    [
        "",
        "exec('1')",
        "L['x'].size().__class__",
        "L['x'].tofile('f')",
        "[exec for x in L]",
        "L['x'] == 'quotes \\' and \" end the message'",
        "1 << 99999999",
        "L['x'] == 99999999999999999999999999",
        "(lambda: 1)()",
        "L['x'](exec)(1)",
        "Max(key=1)",
        "x := 1",
        "f'{exec}'",
        "(" * 300 + ")" * 300,
        "1" + "+1" * 10_000,
        None,
    ],
)
def test_what_a_guard_could_run_is_not_one(guard: Any) -> None:
    assert not is_guard(guard)


def test_inputs_are_nested_as_usual() -> None:
    leaf = {"type": None, "context": None, "children_spec": []}
    factory = {"default_factory_module": "builtins", "default_factory_name": "list", "dict_context": ["any key"]}
    grouped = {"type": "collections.defaultdict", "context": factory, "children_spec": [leaf]}
    nested = json.dumps([1, {"type": "builtins.dict", "context": '["any key", 2]', "children_spec": [grouped, leaf]}])
    for text in ("", specification(2, ["mask", "größe"]), specification(0), nested):
        extract(program(model={"signature": {"in_spec": "", "out_spec": text}}))


@pytest.mark.parametrize(
    "expression",
    [
        "Symbol('s77', positive=True, integer=True)",
        "Mul(Integer(4), Max(Integer(1), FloorDiv(Symbol('s77', positive=True, integer=True), Integer(2))))",
        "FloatPow(ToFloat(Symbol('s77', positive=True, integer=True)), Float('0.5', precision=53))",
        "Add(Symbol('u0', integer=True), Integer(-1))",
        "StrictLessThan(Symbol('u0', integer=True), Integer(100))",
        "2*s0 + 1",
        "(s0 + 1)*(s1 - 1)",
        "Max(1, s0//2)**2",
        "s0 != 3",
    ],
)
def test_sizes_are_arithmetic(expression: str) -> None:
    assert is_arithmetic(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "__import__('os').system('id')",
        "exec(chr(105)+chr(100))",
        "exec (chr(105))",
        "(exec)(1)",
        "exec\n(1)",
        "Max(exec, 1)(1)",
        "s0(1)",
        "'abc'(1)",
        "1(1)",
        "Symbol('exec(1)')",
        "Abs('__import__(os)')",
        "().__class__",
        "s0.__class__",
        "1 .real",
        "[exec for s0 in s1]",
        "(lambda: 1)()",
        "lambda: 1",
        "s0 if s1 else (exec)(1)",
        '"text"',
        "f'{exec}'",
        "{exec}",
        "exec`1`",
        "a@b",
        "s0 := 1",
        "é(1)",
        "５(1)",
        "99!",
        "s0" + "+s0" * 10_000,
    ],
)
def test_what_could_be_a_call_is_not(expression: str) -> None:
    assert not is_arithmetic(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "9**9**9**9",
        "(((9**64)**64)**64)**64",
        "Pow(Integer(9), Pow(Integer(9), Integer(9)))",
        "PowByNatural(9, 999999999)",
        "FloatPow(9, 9*9*9*9*9*9*9*9*9)",
        "Pow(9)",
        "1 << 99999999999",
        "LShift(Integer(1), Integer('99999999999'))",
        "2**Max(99999999999, 1)",
        "+".join(["2**2"] * 101),
    ],
)
def test_a_number_that_would_fill_the_memory_is_refused(expression: str) -> None:
    assert not is_arithmetic(expression)


@pytest.mark.parametrize(
    "expression",
    ["s0**2", "2**s0", "Pow(Symbol('s0', integer=True), Integer(-1))", "FloorDiv((s0**2 + 1)**2, 2)", "Pow(s0, Rational(1, 2))"],
)
def test_powers_of_sizes_are_arithmetic(expression: str) -> None:
    assert is_arithmetic(expression)


def test_overlapping_members_take_no_memory() -> None:
    """A small archive whose directory names one large file many times."""
    data = program(files={"extra/a": bytes(1 << 20)})
    start, end = data.rindex(b"PK\x01\x02"), data.rindex(b"PK\x05\x06")
    entry, ending = data[start:end], bytearray(data[end:])
    entries = b"".join(entry.replace(b"extra/a", b"extra/%c" % letter) for letter in range(97, 123))
    count = int.from_bytes(ending[8:10], "little") + 25
    ending[8:12] = count.to_bytes(2, "little") * 2
    ending[12:16] = (int.from_bytes(ending[12:16], "little") + len(entries) - len(entry)).to_bytes(4, "little")
    with pytest.raises(ModelError, match="overlap"):
        extract(data[:start] + entries + bytes(ending))
