"""NNEF: labels and shapes of the variables of a graph."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.topology.nnef import data_path, extract, parameter_shapes, restore, variances, write_tensor

GRAPH = """
version 1.0;
graph net(input) -> (output)
{
    input = external<scalar>(shape = [1, 3, 8, 8]);   # variable(shape = [9], label = 'comment')
    filter = variable<scalar>(shape = [16, 3, 5, 5], label = 'conv/filter');
    bias = variable(label = "bias", shape = [1,16]);
    scale = variable(shape = [], label = 'scale');
    output = conv(input, filter, bias);
}
"""


def test_labels_and_shapes() -> None:
    assert parameter_shapes(GRAPH.encode()) == {"conv/filter": (16, 3, 5, 5), "bias": (1, 16), "scale": ()}


def test_not_utf8() -> None:
    with pytest.raises(ModelError, match="UTF-8"):
        parameter_shapes(b"\xff")


@pytest.mark.parametrize("shape", ["3 4", "3, x", "-1", "3.5", "\u0663", "9" * 5000])
def test_a_shape_that_is_none(shape: str) -> None:
    with pytest.raises(ModelError, match="of variable 'a' must be a list of integers"):
        parameter_shapes(f"a = variable(shape = [{shape}], label = 'a');".encode())


@settings(max_examples=200)
@given(st.text("vari able<sc>([]0123456789,='\"#\n\x1e\u0663)", max_size=60))
def test_any_text_gives_shapes_or_a_typed_error(text: str) -> None:
    try:
        found = parameter_shapes(f"a = variable(shape = [2,{text}], label = 'a'); {text}".encode())
    except ModelError:
        return
    assert all(isinstance(extent, int) for shape in found.values() for extent in shape)


@pytest.mark.parametrize(
    ("written", "label", "file"),
    [
        ("'enc/w (1)'", "enc/w (1)", "enc/w (1).dat"),
        ("'enc/#w'", "enc/#w", "enc/#w.dat"),
        ('"it\'s"', "it's", "it's.dat"),
        ("'say \"w\"'", 'say "w"', 'say "w".dat'),
        ("'/enc/w'", "/enc/w", "enc/w.dat"),
        ("'a=b,[c];d'", "a=b,[c];d", "a=b,[c];d.dat"),
        ("'variable(shape = [1])'", "variable(shape = [1])", "variable(shape = [1]).dat"),
        (r"'back\\slash'", "back\\\\slash", None),
    ],
)
def test_labels_of_any_characters(written: str, label: str, file: str | None) -> None:
    text = f"w = variable<scalar>(shape = [4], label = {written}); # variable(shape = [1], label = 'x')\n"
    assert parameter_shapes(text.encode()) == {label: (4,)}
    assert parameter_shapes(f"w = variable<scalar>([4], {written});".encode()) == {label: (4,)}
    if file is not None:
        assert data_path(label) == file


@pytest.mark.parametrize("label", ["", "/", "../w", "a/../../w", "a\\b"])
def test_a_label_out_of_the_folder_is_refused(label: str) -> None:
    with pytest.raises(ModelError, match="not a path inside"):
        data_path(label)


def test_variances_are_found_by_name_and_by_place() -> None:
    text = """
    m = variable(shape = [1, 4], label = 'm'); v = variable(shape = [1, 4], label = 'v'); s = variable(shape = [1, 4], label = 's');
    y = batch_normalization(x, m, v, offset = m, scale = s, epsilon = 1e-5);
    z = batch_normalization(y, mean = m, variance = s, offset = m, scale = m, epsilon = 1e-5);
    """
    assert variances(text.encode()) == {"v", "s"}


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        ("a = add(v, 0.001); b = sqrt(a); y = div(x, b);", {"v"}),
        ("a = reshape(v, shape = [1, 4]); b = rsqrt(max(a, w)); y = mul(x, b);", {"v", "w"}),
        ("a = add(v, 0.001); b = pow(a, -0.5); y = mul(x, b);", {"v"}),
        ("a = pow(v, 2.0); y = mul(x, a);", set()),
        ("y = div(v, add(conv(x, w), 1.0));", set()),
        ("y = div(x, div(v, w));", {"w"}),
    ],
)
def test_what_is_divided_by_is_a_variance(statements: str, found: set[str]) -> None:
    made = "v = variable(shape = [1, 4], label = 'v'); w = variable(shape = [1, 4], label = 'w');"
    assert variances(f"{made} {statements}".encode()) == found


def test_the_quantization_file_is_kept_and_other_files_are_named() -> None:
    files = {"graph.nnef": GRAPH.encode(), "graph.quant": b'"w": linear_quantize(0.0, 1.0, 8);', "README": b"x"}
    files |= {
        data_path(label): write_tensor(np.ones(shape, np.float32), label) for label, shape in parameter_shapes(files["graph.nnef"]).items()
    }
    model = extract(files)
    assert (model.quantization, model.left_out) == (files["graph.quant"], ("README",))
    assert restore(model.topology, model.parameters, model.quantization) == {name: data for name, data in files.items() if name != "README"}


def test_two_labels_with_one_file_and_other_values_are_refused() -> None:
    text = b"a = variable(shape = [2], label = '/w'); b = variable(shape = [2], label = 'w');"
    same = restore(text, {"/w": np.ones(2, np.float32), "w": np.ones(2, np.float32)})
    assert set(same) == {"graph.nnef", "w.dat"}
    with pytest.raises(ModelError, match=r"w\.dat"):
        restore(text, {"/w": np.ones(2, np.float32), "w": np.zeros(2, np.float32)})


def test_a_string_without_an_end_and_deep_brackets_are_refused() -> None:
    for text in ("w = variable(shape = [4], label = 'w);", "(" * 100):
        with pytest.raises(ModelError, match="NNEF graph"):
            parameter_shapes(text.encode())
