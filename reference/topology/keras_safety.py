"""Checks the configuration of a Keras model before Keras sees it.

Only known layers and bounded sizes are accepted.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from nnc_conformance.reference.errors import ModelError

COMPILED: Final = "compile_config"
"""Entry of the configuration with the optimizer, the losses and the metrics."""
MOST_BYTES: Final = 1 << 26
"""Bytes of a configuration."""
MOST_SIZE: Final = 1 << 31
"""The largest number in a configuration that may be a size."""
MOST_ENTRIES: Final = 1 << 22
"""The largest number in the configuration of a layer or operation that makes a list as long as the
number.
"""
MOST_DEPTH: Final = 80
"""Objects and lists within each other; Keras takes several calls for each."""
MOST_LAYERS: Final = 10_000
"""Layers of a model, those of models in it included."""
MOST_IN_SEQUENCE: Final = 1000
"""Layers of a sequential model, which Keras builds anew after each."""
MOST_WORDS: Final = 100
"""The longest phrases that a layer makes, whose number is that of its operations."""
VOCABULARIES: Final = frozenset({"IntegerLookup", "StringLookup", "TextVectorization"})
"""Layers with a vocabulary, which the configuration must hold."""
_LISTING: Final = VOCABULARIES | {"ArraySplit", "Discretization", "Split"}
"""Classes that make lists as long as a number of their configuration."""
_NOT_SIZES: Final = frozenset({"salt", "seed", "shared_object_id", "vocabulary"})
"""Keys under which numbers may have any size."""
_ARRAY_TYPE: Final = re.compile(r"bool|bfloat16|(float|int|uint|complex)[0-9]{1,3}")
_LAYERS: Final = frozenset(
    """
    Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D
    AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add AdditiveAttention AlphaDropout Attention AugMix AutoContrast Average
    AveragePooling1D AveragePooling2D AveragePooling3D BatchNormalization Bidirectional CategoryEncoding CenterCrop Concatenate
    ContrastLimitedAdaptiveHistogramEqualization Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM1D
    ConvLSTM2D ConvLSTM3D Cropping1D Cropping2D Cropping3D CutMix Dense DepthwiseConv1D DepthwiseConv2D Discretization Dot Dropout ELU
    EinsumDense Embedding Equalization Flatten GRU GRUCell GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D
    GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization GroupQueryAttention
    HashedCrossing Hashing Identity InputLayer IntegerLookup LSTM LSTMCell LayerNormalization LeakyReLU Masking MaxNumBoundingBoxes
    MaxPooling1D MaxPooling2D MaxPooling3D Maximum MelSpectrogram Minimum MixUp MultiHeadAttention Multiply Normalization PReLU
    Permute Pipeline RMSNormalization RNN RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast
    RandomCrop RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHue RandomInvert
    RandomPerspective RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation RandomZoom
    ReLU RepeatVector Rescaling Reshape Resizing ReversibleEmbedding STFTSpectrogram SeparableConv1D SeparableConv2D SimpleRNN
    SimpleRNNCell Softmax Solarization SpatialDropout1D SpatialDropout2D SpatialDropout3D SpectralNormalization StackedRNNCells
    StringLookup Subtract TextVectorization TimeDistributed UnitNormalization UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D
    ZeroPadding2D ZeroPadding3D
    """.split()  # noqa: SIM905
)
"""Layers whose state is their weights and configuration, and which run no code of the model."""
_NUMPY: Final = frozenset(
    """
    Abs Absolute Add All AllClose Amax Amin Angle Any Append Arccos Arccosh Arcsin Arcsinh Arctan Arctan2 Arctanh Argmax Argmin
    Argpartition Argsort ArraySplit Average Bincount BitwiseAnd BitwiseInvert BitwiseLeftShift BitwiseNot BitwiseOr BitwiseRightShift
    BitwiseXor BroadcastTo Cbrt Ceil Clip Concatenate Conj Conjugate Copy Corrcoef Correlate Cos Cosh CountNonzero Cross Cumprod
    Cumsum Deg2rad Diag Diagflat Diagonal Diff Digitize Divide DivideNoNan Dot Dstack Einsum Equal Exp Exp2 ExpandDims Expm1 Fabs Flip
    Fliplr Flipud Floor FloorDivide Fmax Fmin Fmod FullLike Gcd GetItem Greater GreaterEqual Heaviside Hstack Hypot Imag Inner IsIn
    Isclose Isfinite Isinf Isnan Isneginf Isposinf Isreal Kron Lcm Ldexp LeftShift Less LessEqual Log Log10 Log1p Log2 Logaddexp
    Logaddexp2 LogicalAnd LogicalNot LogicalOr LogicalXor Matmul Max Maximum Mean Median Min Minimum Mod Moveaxis Multiply NanToNum
    Ndim Negative Nextafter Nonzero NotEqual OnesLike Outer Pad Percentile Power Prod Ptp Quantile Rad2deg Ravel Real Reciprocal
    Repeat Reshape RightShift Roll Rot90 Round SearchSorted Select Sign Signbit Sin Sinc Sinh Size Slogdet Sort Split Sqrt Square
    Squeeze Stack Std Subtract Sum Swapaxes Take TakeAlongAxis Tan Tanh Tensordot Tile Trace Transpose Trapezoid Tril Triu TrueDivide
    Trunc Var Vdot Vstack Where ZerosLike
    """.split()  # noqa: SIM905
)
"""Operations on tensors, such as ``x + y``, that make no list whose length a shape decides."""
_NN: Final = frozenset(
    """
    AdaptiveAveragePool AdaptiveMaxPool AveragePool BatchNorm Celu Conv ConvTranspose DepthToSpace DepthwiseConv DotProductAttention
    Elu Gelu Glu HardShrink HardSigmoid HardSilu HardTanh LayerNorm LeakyRelu LogSigmoid LogSoftmax MaxPool Moments MultiHot Normalize
    OneHot RMSNorm Relu Relu6 Selu SeparableConv Sigmoid Silu SoftShrink Softmax Softplus Softsign SpaceToDepth SparsePlus
    SparseSigmoid Sparsemax Squareplus TanhShrink Threshold
    """.split()  # noqa: SIM905
)
"""Operations of `keras.ops.nn`."""
_MATH: Final = frozenset(
    """
    CDist Erf Erfc Erfinv ExtractSequences FFT FFT2 IFFT2 IRFFT ISTFT InTopK Logdet Logsumexp RFFT Rsqrt STFT SegmentMax SegmentMin
    SegmentProd SegmentSum TopK ViewAsComplex ViewAsReal
    """.split()  # noqa: SIM905
)
"""Operations of `keras.ops` on sequences and spectra."""
_QUANTIZERS: Final = "keras.quantizers"
"""Module of what a quantized layer keeps of its quantization."""
_OBJECTS: Final = {
    "keras.layers": _LAYERS,
    "keras.src.ops.numpy": _NUMPY,
    "keras.src.ops.nn": _NN,
    "keras.src.ops.math": _MATH,
    "keras.src.ops.image": frozenset(
        {
            "AffineTransform",
            "CropImages",
            "ExtractPatches",
            "GaussianBlur",
            "HSVToRGB",
            "MapCoordinates",
            "PadImages",
            "PerspectiveTransform",
            "RGBToGrayscale",
            "RGBToHSV",
            "Resize",
        }
    ),
    "keras.src.ops.linalg": frozenset({"Cholesky", "Det", "Inv", "Norm", "Pinv", "Qr", "SVD", "Solve", "SolveTriangular"}),
    "keras.src.ops.core": frozenset(
        {"Cast", "ConvertToTensor", "SaturateCast", "Scatter", "ScatterUpdate", "Slice", "SliceUpdate", "StopGradient"}
    ),
    "keras.src.ops.einops": frozenset({"Rearrange"}),
    "keras.src.activations.activations": frozenset({"Mish", "ReLU"}),
    "keras.src.applications.convnext": frozenset({"LayerScale", "StochasticDepth"}),
    "keras.src.applications.inception_resnet_v2": frozenset({"CustomScaleLayer"}),
    "keras": frozenset({"DTypePolicy", "Functional", "Sequential"}),
    "keras.dtype_policies": frozenset(
        {"DTypePolicy", "FloatDTypePolicy", "Int4DTypePolicy", "QuantizedDTypePolicy", "QuantizedFloat8DTypePolicy"}
    ),
    _QUANTIZERS: frozenset({"AbsMaxQuantizer", "Float8QuantizationConfig", "Int4QuantizationConfig", "Int8QuantizationConfig"}),
    "keras.models": frozenset({"Functional", "Sequential"}),
    "keras.src.models.functional": frozenset({"Functional"}),
    "keras.src.models.sequential": frozenset({"Sequential"}),
    "keras.initializers": frozenset(
        """
        Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer LecunNormal LecunUniform Ones Orthogonal
        OrthogonalInitializer RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros
        """.split()  # noqa: SIM905
    ),
    "keras.regularizers": frozenset({"L1", "L1L2", "L2", "OrthogonalRegularizer"}),
    "keras.constraints": frozenset({"MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"}),
    None: frozenset({"__ellipsis__", "__keras_tensor__", "__numpy__", "__slice__", "__tensor__", "__tuple__"}),
}
"""Classes by module; those without a module are Keras's own notation."""


@dataclass(frozen=True)
class Configuration:
    """The configuration of a Keras model that is safe to load.

    Args:
        text: JSON, without what compiles the model.
        compiled: Whether the model has an optimizer, losses or metrics.
    """

    text: str
    compiled: bool


def checked_configuration(data: bytes) -> Configuration:
    """Return a Keras model's configuration without what compiles the model.

    It must name known layers and bounded sizes only.

    Args:
        data: config.json of the model.

    Raises:
        ModelError: Naming the layer, and what to do.
    """
    if len(data) > MOST_BYTES:
        raise ModelError(f"the Keras configuration has more than {MOST_BYTES} bytes")
    try:
        configuration = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"the topology is not a Keras model: {error}") from None
    if not isinstance(configuration, dict) or "class_name" not in configuration:
        raise ModelError("the topology is not a Keras model: it names no class")
    compiled = bool(configuration.get(COMPILED))
    waiting: list[tuple[Any, int, bool, int]] = [(configuration, MOST_SIZE, False, 1)]
    layers = 0
    while waiting:
        value, most, any_float, depth = waiting.pop()
        if depth > MOST_DEPTH:
            raise ModelError(f"the Keras configuration has more than {MOST_DEPTH} objects and lists within each other")
        if isinstance(value, list):
            waiting.extend((item, most, any_float, depth + 1) for item in value)
        elif isinstance(value, dict):
            value.pop(COMPILED, None)
            if "class_name" in value:
                _check_object(value)
                layers += value["class_name"] in _LAYERS
                most = MOST_ENTRIES if value["class_name"] in _LISTING else most
            for key, item in value.items():
                if key == "vocabulary":
                    _check_vocabulary(value, item)
                if not (key in _NOT_SIZES and _plain(item)):
                    waiting.append((item, MOST_WORDS if key == "ngrams" else most, any_float or key == "inbound_nodes", depth + 1))
        elif (isinstance(value, int) or (isinstance(value, float) and not any_float)) and not -most <= value <= most:
            raise ModelError(f"the Keras configuration has the number {str(value)[:80]}, beyond {most}")
        if layers > MOST_LAYERS:
            raise ModelError(f"the Keras model has more than {MOST_LAYERS} layers; code the weights as .safetensors")
    return Configuration(json.dumps(configuration), compiled)


def without_statistics(configuration: str) -> str:
    """Return a configuration with layer normalizations in place of normalizations by statistics.

    Both have the same number of values.

    Keras computes statistics at once, perhaps one number repeated to the size of the layer's input.
    """
    return json.dumps(json.loads(configuration, object_hook=_without_statistics))


def _without_statistics(value: dict[str, Any]) -> dict[str, Any]:
    """Replace a Normalization layer by one with as many values but no statistics.

    Others are returned as they are.

    Args:
        value: An object of a Keras model's configuration, such as a layer.
    """
    settings = value.get("config")
    if value.get("class_name") != "Normalization" or not isinstance(settings, dict):
        return value
    axis = settings.get("axis", -1)
    kept = {key: settings[key] for key in ("name", "dtype", "axis") if settings.get(key) is not None}
    return {**value, "class_name": "Identity" if axis is None else "LayerNormalization", "config": kept}


def _plain(value: Any) -> bool:
    """Return whether a value is a number or a list of numbers and words."""
    return isinstance(value, int) or (isinstance(value, list) and all(isinstance(item, str | int) for item in value))


def _check_object(value: dict[str, Any]) -> None:
    """Raise `ModelError` for an object of a Keras model not known to be safe.

    ``value`` is an object of its configuration, with class_name, module, config and inbound_nodes.
    Refused are unknown classes, constants that are not numbers, layers that keep state between
    calls, a Sequential of too many layers, and a call without a tensor of the model, which would
    compute at once.
    """
    module, name = value.get("module"), value["class_name"]
    known = _OBJECTS.get(module) if module is None or isinstance(module, str) else None
    if known is None or not isinstance(name, str) or name not in known:
        if module == _QUANTIZERS:
            raise ModelError(
                f"the Keras model is quantized by {str(name)[:80]}, which is not read; quantize it to int8, int4 or float8, or code its "
                "weights as .safetensors"
            )
        raise ModelError(
            f"the Keras model has {_label(value)}, {_class(value)}, which is not among the layers that are known "
            "to be safe; take it out of the model, or code the weights as .safetensors"
        )
    if name in ("__numpy__", "__tensor__"):
        kind = value["config"].get("dtype") if isinstance(value.get("config"), dict) else None
        if not (isinstance(kind, str) and _ARRAY_TYPE.fullmatch(kind)):
            raise ModelError(f"the Keras model has a constant of type {str(kind)[:80]!r}; only numbers and truth values are read")
    settings = value.get("config")
    if isinstance(settings, dict):
        if settings.get("stateful"):
            raise ModelError(f"the Keras model has {_label(value)}, which keeps its state between calls; save it with stateful=False")
        members = settings.get("layers")
        if name == "Sequential" and isinstance(members, list) and len(members) > MOST_IN_SEQUENCE:
            raise ModelError(f"the Keras model has {_label(value)}, of more than {MOST_IN_SEQUENCE} layers; make it Functional")
    nodes = value.get("inbound_nodes")
    for node in nodes if isinstance(nodes, list) else []:
        if isinstance(node, dict) and not _has_tensor(node):
            raise ModelError(f"the Keras model calls {_label(value)} without a tensor of the model; make it a constant")


def _class(value: dict[str, Any]) -> str:
    """Name an object's class with its module, or by its registered name without one."""
    module, name = value.get("module"), str(value["class_name"])[:80]
    if module is not None:
        return f"a {str(module)[:80]}.{name}"
    return f"the custom class {str(value.get('registered_name') or name)[:80]}"


def _has_tensor(node: dict[str, Any]) -> bool:
    """Return whether a call of a layer takes a tensor of the model."""
    waiting: list[Any] = [node.get("args"), node.get("kwargs")]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            if value.get("class_name") == "__keras_tensor__":
                return True
            if value.get("class_name", "__tuple__") == "__tuple__":
                waiting.extend(value.values())
    return False


def _check_vocabulary(settings: dict[str, Any], vocabulary: Any) -> None:
    """Raise `ModelError` for a vocabulary that is not a list of words or numbers.

    Keras takes text for the path of a file.
    """
    if vocabulary is None:
        return
    if not isinstance(vocabulary, list) or not _plain(vocabulary):
        raise ModelError(f"the vocabulary of {str(settings.get('name'))[:80]!r} is not a list of words; save the model with its vocabulary")


def _label(value: dict[str, Any]) -> str:
    settings = value.get("config")
    return repr(str(settings.get("name") if isinstance(settings, dict) else None)[:80])
