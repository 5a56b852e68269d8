"""Updates by the encoder, decoded by the reference and by the plain decoder, which shares no code
with it.
"""

from itertools import product
from typing import Any

import numpy as np
import plain_decoder
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnc_conformance.reference import BaseModel, EncoderOptions, Interpretation, decode, encode, encoder
from nnc_conformance.reference.encoder_options import Block
from nnc_conformance.reference.errors import EncodeError
from nnc_conformance.reference.interpretation import PreFlag
from nnc_conformance.reference.quantization.reconstruction import step_size

Tensors = dict[str, np.ndarray]
QP = -24
STEP = float(step_size(2, QP))
TOOLS = ("row_skip", "tca", "hdsp", "pre")


def first_model(rng: np.random.Generator) -> Tensors:
    """A model with every type that an encoder takes."""
    return {
        "weight": rng.standard_normal((12, 10)).astype(np.float32),
        "kernel": rng.standard_normal((9, 2, 3, 3)).astype(np.float32),
        "bias": rng.standard_normal(12).astype(np.float32),
        "half": rng.standard_normal((5, 4)).astype(np.float16),
        "whole": rng.integers(-9, 9, (5, 6)).astype(np.int32),
        "byte": rng.integers(-100, 100, (5, 6)).astype(np.int8),
        "single": np.float32([rng.standard_normal()]),
        "still": rng.standard_normal((4, 4)).astype(np.float32),
    }


def changed(model: Tensors, rng: np.random.Generator) -> Tensors:
    """The model after some training: many rows, and many places of the others, stay as they were."""
    after = {}
    for name, array in model.items():
        touched = rng.random(array.shape) < 0.3
        if array.ndim > 1:
            touched &= (rng.random(array.shape[0]) < 0.6).reshape(-1, *(1,) * (array.ndim - 1))
        amount = rng.integers(-2, 3, array.shape) if array.dtype.kind == "i" else 0.05 * rng.standard_normal(array.shape)
        after[name] = array if name == "still" else (array + touched * amount).astype(array.dtype)
    return after


def session(options: EncoderOptions, seed: int = 0, steps: int = 3, interpretation: Interpretation | None = None) -> list[bytes]:
    """Encode a model and its updates, each onto what the decoder has.

    Check what the decoder then has, and the plain decoder too.
    """
    rng = np.random.default_rng(seed)
    model, base, streams = first_model(rng), BaseModel(), []
    for number in range(steps):
        stream = encode(model, base=base if number else None, options=options, interpretation=interpretation)
        streams.append(stream)
        after = decode(stream, base=base, interpretation=interpretation).model
        assert after is not None
        base = after
        for name, values in model.items():
            decoded = base.parameters[name]
            if values.dtype.kind == "i" or name == "single":
                assert np.array_equal(decoded, values), name
            else:
                assert np.abs(decoded - values.astype(np.float32)).max() <= (4 if options.dq else 2) * STEP, name
        model = changed(model, rng)
    settings = {"pre": interpretation.pre.value} if interpretation else {}
    plain = plain_decoder.decode_session(streams, settings)[-1].model
    for name, values in base.parameters.items():
        assert plain[name].astype(values.dtype).tobytes() == values.tobytes(), name
    return streams


@pytest.mark.slow
@pytest.mark.parametrize(("dq", "scan_order", "codebook"), list(product((False, True), (0, 1), ("none", "kmeans"))))
def test_sessions_with_each_tool_on_and_off(dq: bool, scan_order: int, codebook: str) -> None:
    for choice, tools in (("auto", TOOLS), ("off", TOOLS), ("on", TOOLS), *(("on", (tool,)) for tool in TOOLS)):
        chosen: dict[str, Any] = dict.fromkeys(tools, choice)
        session(EncoderOptions(qp=QP, nonweight_qp=QP, dq=dq, scan_order=scan_order, codebook=codebook, edition=2024, **chosen))


@settings(max_examples=20)
@given(
    seed=st.integers(0, 1 << 20),
    dq=st.booleans(),
    scan_order=st.integers(0, 2),
    rdo=st.sampled_from([0.0, 1.0, 5.0]),
    tools=st.fixed_dictionaries({tool: st.sampled_from(["auto", "on", "off"]) for tool in TOOLS}),
    residual=st.booleans(),
)
def test_random_sessions(seed: int, dq: bool, scan_order: int, rdo: float, tools: dict[str, str], residual: bool) -> None:
    chosen: dict[str, Any] = tools
    options = EncoderOptions(qp=QP, nonweight_qp=QP, dq=dq, scan_order=scan_order, rdo=rdo, edition=2024, **chosen)
    session(options, seed, interpretation=Interpretation(pre=PreFlag.RESIDUAL if residual else PreFlag.SUM))


@pytest.mark.parametrize("dq", [False, True])
def test_contexts_of_the_tools_in_force_save_bytes(dq: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    model: Tensors = {"w": np.zeros((40, 50), np.float32)}
    often = rng.random((40, 50)) < 0.2
    base = begun(model, edition=2024)
    options = EncoderOptions(qp=QP, nonweight_qp=QP, dq=dq, rdo=5, tca="on", hdsp="on")
    sizes = {True: 0, False: 0}
    for _ in range(3):
        model = {"w": (model["w"] + STEP * (1.5 * often + 0.5) * rng.laplace(size=(40, 50))).astype(np.float32)}
        for known in (False, True):
            with monkeypatch.context() as patch:
                if not known:
                    patch.setattr(encoder, "quantized_with_tools", lambda header, values, contents, *_: contents)
                stream = encode(model, base=base, options=options)
            sizes[known] += len(stream)
        base = decode(stream, base=base).model or base
    assert sizes[True] < sizes[False]


@pytest.mark.parametrize("parts", [("weight.ls",), ("bias",), ("bn.beta", "bn.gamma", "bn.mean", "bn.var"), ("weight.ls", "bias")])
@pytest.mark.parametrize("decomposed", [False, True])
def test_blocks_stay_blocks(parts: tuple[str, ...], decomposed: bool) -> None:
    rng = np.random.default_rng(3)
    shapes: dict[str, tuple[int, ...]] = {"weight.g": (6, 2), "weight.h": (2, 8)} if decomposed else {"weight": (6, 8)}
    shapes |= dict.fromkeys(parts, (6,))
    names = {kind: f"w_{kind[-1].upper()}" if kind.startswith("weight.") else kind for kind in shapes}
    block = Block(names, (6, 8) if decomposed else ())
    model = {names[kind]: rng.standard_normal(shape).astype(np.float32) for kind, shape in shapes.items()}
    tools: dict[str, Any] = dict.fromkeys(("row_skip", "tca", "hdsp"), "on")
    streams, base = [], BaseModel()
    for number in range(3):
        options = EncoderOptions(qp=QP, nonweight_qp=QP, edition=2024, blocks=() if number else (block,), **tools)
        streams.append(encode(model, base=base if number else None, options=options))
        decoded = decode(streams[-1], base=base)
        assert decoded.model is not None
        base = decoded.model
        assert set(decoded.differences) == (set(names.values()) if number else set())
        assert all(np.abs(base.parameters[name] - values).max() <= 2 * STEP for name, values in model.items())
        model = {name: (values + 0.1 * rng.standard_normal(values.shape)).astype(np.float32) for name, values in model.items()}
    plain = plain_decoder.decode_session(streams)[-1].model
    assert all(plain[name].tobytes() == base.parameters[name].tobytes() for name in model)
    assert len(base.blocks) == 1


def begun(model: Tensors, **options: Any) -> BaseModel:
    """The decoder's model after a base stream."""
    after = decode(encode(model, options=EncoderOptions(qp=QP, nonweight_qp=QP, **options)), base=BaseModel()).model
    assert after is not None
    return after


def test_without_a_base_the_first_edition_is_written() -> None:
    model = first_model(np.random.default_rng(1))
    stream = encode(model)
    assert stream == encode(model, options=EncoderOptions(edition=2022)) == encode(model, options=EncoderOptions(row_skip="off", tca="off"))
    assert stream != encode(model, options=EncoderOptions(edition=2024))


@pytest.mark.parametrize("edition", [2022, 2024])
def test_a_tensor_without_change_has_no_unit(edition: int) -> None:
    base = begun(first_model(np.random.default_rng(1)), edition=edition)
    assert decode(encode(base.parameters, base=base), base=base).parameters == {}


@pytest.mark.parametrize("rdo", [0.0, 1.0])
@pytest.mark.parametrize(("kind", "spread"), [("laplace", 1.0), ("laplace", 40.0), ("normal", 0.5), ("normal", 8.0)])
def test_a_layer_that_was_not_trained_has_no_unit(kind: str, spread: float, rdo: float) -> None:
    """Only the quantization of the base lies between it and the model; dq could code that."""
    rng = np.random.default_rng(11)
    frozen = (STEP * spread * getattr(rng, kind)(size=(200, 300))).astype(np.float32)
    options = EncoderOptions(edition=2024, qp=QP, nonweight_qp=QP, dq=True, rdo=rdo)
    base = decode(encode({"frozen": frozen}, options=options), base=BaseModel()).model
    assert base is not None
    assert not np.array_equal(base.parameters["frozen"], frozen)
    assert decode(encode({"frozen": frozen}, base=base, options=options), base=base).parameters == {}


BLOCK = Block({"weight": "w", "weight.ls": "s"})


@pytest.mark.parametrize("count", [2, 4, 10, 40, 160])
def test_a_block_with_a_small_part_that_was_not_trained_has_no_unit(count: int) -> None:
    """The mean error of few values varies, and that of one part alone must not send the block."""
    rng = np.random.default_rng(count)
    options = EncoderOptions(edition=2024, qp=QP, nonweight_qp=QP, dq=True)
    sent = 0
    for _ in range(30):
        model = {"w": rng.standard_normal((count, 40)).astype(np.float32), "s": rng.standard_normal(count).astype(np.float32)}
        base = begun(model, edition=2024, dq=True, blocks=(BLOCK,))
        sent += bool(decode(encode(model, base=base, options=options), base=base).differences)
    assert sent <= (2 if count < 4 else 0)


@pytest.mark.parametrize("count", [4, 40])
def test_few_values_that_were_trained_by_more_than_a_step_have_a_unit(count: int) -> None:
    rng = np.random.default_rng(count)
    model = rng.standard_normal(count).astype(np.float32)
    options = EncoderOptions(edition=2024, qp=QP, nonweight_qp=QP, dq=True)
    base = begun({"w": model}, edition=2024, dq=True)
    trained = base.parameters["w"] + np.float32(1.5 * STEP) * rng.choice([-1, 1], count).astype(np.float32)
    step = decode(encode({"w": trained}, base=base, options=options), base=base)
    assert step.model is not None and set(step.differences) == {"w"}
    assert np.abs(step.model.parameters["w"] - trained).max() <= 2 * STEP


@pytest.mark.parametrize("dq", [False, True])
@pytest.mark.parametrize("trained", [False, True])
def test_a_block_has_a_unit_if_a_part_changed(dq: bool, trained: bool) -> None:
    """The frozen block differs from its base by the quantization of the base alone."""
    rng = np.random.default_rng(5)
    model = {"w": rng.normal(size=(400, 30)).astype(np.float32), "s": rng.normal(size=400).astype(np.float32)}
    base = begun(model, edition=2024, dq=dq, blocks=(BLOCK,))
    again = EncoderOptions(qp=QP, nonweight_qp=QP, dq=dq)
    assert decode(encode(base.parameters, base=base, options=again), base=base).parameters == {}
    if trained:
        model["s"][3] += np.float32(0.5)
    assert set(decode(encode(model, base=base, options=again), base=base).differences) == ({"w", "s"} if trained else set())


def test_a_block_that_is_not_given_stays() -> None:
    model = {"w": np.ones((2, 3), np.float32), "s": np.ones(2, np.float32), "other": np.ones(5, np.float32)}
    base = begun(model, edition=2024, blocks=(BLOCK,))
    after = decode(encode({"other": np.zeros(5, np.float32)}, base=base), base=base)
    assert after.differences == ("other",)
    assert after.model is not None
    assert after.model.parameters["w"].tobytes() == base.parameters["w"].tobytes()


def test_given_indexes_are_coded_alone_in_an_update() -> None:
    indexes = np.arange(-6, 6, dtype=np.int32).reshape(3, 4)
    base = begun({"w": np.full((3, 4), 7, np.float32)}, edition=2024)
    options = EncoderOptions(qp=QP, indexes={"w": indexes})
    step = decode(encode({"w": np.float32(STEP) * indexes}, base=base, options=options), base=base)
    assert step.differences == ()
    assert step.parameters["w"].tobytes() == (np.float32(STEP) * indexes).tobytes()


@pytest.mark.parametrize("change", ["one value by three steps", "all values by half a step"])
def test_a_layer_that_was_trained_a_little_has_a_unit(change: str) -> None:
    rng = np.random.default_rng(11)
    model = rng.normal(size=(200, 300)).astype(np.float32)
    options = EncoderOptions(edition=2024, qp=QP, nonweight_qp=QP, dq=True)
    base = decode(encode({"w": model}, options=options), base=BaseModel()).model
    assert base is not None
    trained = model.copy()
    if change.startswith("one"):
        trained[7, 11] = base.parameters["w"][7, 11] + 3 * STEP
    else:
        trained += STEP * rng.choice([-0.5, 0.5], size=model.shape).astype(np.float32)
    step = decode(encode({"w": trained}, base=base, options=options), base=base)
    assert step.model is not None
    after = step.model.parameters["w"]
    assert np.square(after - trained).mean() < 0.3 * STEP**2
    assert abs(after[7, 11] - trained[7, 11]) < 2 * STEP


SCALAR_TYPES = ("float16", "float32", "float64", "int8", "uint8", "int16", "uint16", "int32", "int64", "uint32", "bool")


@pytest.mark.parametrize("kind", SCALAR_TYPES)
def test_a_scalar_without_change_has_no_unit_and_a_changed_one_has(kind: str) -> None:
    """Without a topology a decoder gives a scalar back in shape (1,)."""
    scalars = {"one": np.ones((), kind), "zero": np.zeros((), kind), "weight": np.ones((2, 2), np.float32)}
    base = begun(scalars)
    assert base.parameters["one"].shape == (1,)
    assert decode(encode(scalars, base=base), base=base).parameters == {}
    step = decode(encode(scalars | {"zero": np.ones((), kind)}, base=base), base=base)
    assert set(step.parameters) == {"zero"}
    assert step.model is not None
    assert step.model.parameters["zero"].tolist() == [1]


def test_added_and_reshaped_tensors_are_sent_whole_and_others_stay() -> None:
    model = {"a": np.ones((2, 3), np.float32), "b": np.arange(6, dtype=np.int32), "c": np.ones((2, 2), np.float32)}
    base = begun(model)
    new = {"a": np.ones((3, 2), np.float32), "b": np.arange(6, dtype=np.float32), "d": np.full((2, 2), 0.5, np.float32)}
    decoded = decode(encode(new, base=base, options=EncoderOptions(qp=QP, nonweight_qp=QP)), base=base)
    assert decoded.differences == ()
    assert decoded.model is not None
    assert set(decoded.parameters) == set(new)
    assert {name: array.shape for name, array in decoded.model.parameters.items()} == {"a": (3, 2), "b": (6,), "c": (2, 2), "d": (2, 2)}
    assert decoded.model.parameters["c"] is base.parameters["c"]


def test_values_that_no_difference_reaches_are_sent_whole() -> None:
    model = {
        "large": np.array([-(2**31 - 1), 5], np.int32),
        "byte": np.array([-100, 7], np.int8),
        "float": np.array([[1, 2], [3, 4]], np.float32),
    }
    base = begun(model)
    new = {
        "large": np.array([2**31 - 1, 5], np.int32),
        "byte": np.array([100, 7], np.int8),
        "float": np.array([[1, np.inf], [3, 4]], np.float32),
    }
    decoded = decode(encode(new, base=base), base=base)
    assert decoded.differences == ()
    assert all(np.array_equal(decoded.parameters[name], values) for name, values in new.items())


def test_errors_are_told_apart() -> None:
    base = begun({"a": np.ones((2, 3), np.float32)})
    with pytest.raises(EncodeError, match="tca is a tool of edition 2024"):
        EncoderOptions(edition=2022, tca="on")
    with pytest.raises(EncodeError, match="edition is 2022 or 2024, not 2023"):
        EncoderOptions(edition=2023)  # type: ignore[arg-type]
    with pytest.raises(EncodeError, match="unknown choice of a tool 'maybe'"):
        EncoderOptions(hdsp="maybe")
    with pytest.raises(EncodeError, match="needs edition 2024"):
        encode({"a": np.ones((2, 3), np.float32)}, base=base, options=EncoderOptions(edition=2022))


@pytest.mark.parametrize("parameters", [{"a": [1.0]}, {3: np.ones(2, np.float32)}])
def test_parameters_are_arrays_by_name(parameters: Any) -> None:
    with pytest.raises(EncodeError, match="parameters are NumPy arrays by name, a str"):
        encode(parameters)


def test_part_of_a_block_is_refused() -> None:
    model = {"w": np.ones((2, 3), np.float32), "s": np.ones(2, np.float32)}
    base = begun(model, blocks=(Block({"weight": "w", "weight.ls": "s"}),))
    with pytest.raises(EncodeError, match="'s' is missing; the base model has it in a block with 'w'"):
        encode({"w": model["w"]}, base=base)


@pytest.mark.parametrize(("seed", "dq", "amount"), [(0, True, 0.3), (6, False, 0.05), (10, True, 0.3), (19, True, 0.3)])
def test_auto_is_near_the_best_single_choice_where_rate_weighs_much(seed: int, dq: bool, amount: float) -> None:
    """Tools that do not pay for indexes chosen without them can pay for those chosen with them."""
    rng = np.random.default_rng(seed)
    model = rng.standard_normal((40, 50)).astype(np.float32)
    common: dict[str, Any] = {"qp": -14, "rdo": 5, "dq": dq, "scan_order": 1}
    base = decode(encode({"w": model}, options=EncoderOptions(edition=2024, **common)), base=BaseModel()).model
    rows = rng.random(40) < 0.5
    trained = model + (rng.random(model.shape) < 0.1) * rows[:, None] * amount * rng.standard_normal(model.shape)

    def size(**tools: bool) -> int:
        return len(encode({"w": trained.astype(np.float32)}, base=base, options=EncoderOptions(**common, **tools)))

    best = min(size(row_skip=skip, tca=tca, hdsp=hdsp) for skip, tca, hdsp in product((False, True), repeat=3))
    assert size() <= 1.005 * best
