"""Checks the configuration of a Keras model before Keras sees it: known layers only, and bounded sizes."""

import json
from typing import Any, Final

from nnc_conformance.reference.errors import ModelError

MOST_BYTES: Final = 1 << 26
"""Bytes of a configuration."""
MOST_SIZE: Final = 1 << 31
"""The largest number in a configuration."""
_LAYERS: Final = frozenset(
    """
    Activation ActivityRegularization Add AdditiveAttention AlphaDropout Attention Average AveragePooling1D AveragePooling2D
    AveragePooling3D BatchNormalization Bidirectional Concatenate Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D
    Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Cropping1D Cropping2D Cropping3D Dense DepthwiseConv1D DepthwiseConv2D Dot
    Dropout ELU EinsumDense Embedding Flatten GRU GRUCell GaussianDropout GaussianNoise GlobalAveragePooling1D
    GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization
    GroupQueryAttention Identity InputLayer LSTM LSTMCell LayerNormalization LeakyReLU Masking MaxPooling1D MaxPooling2D
    MaxPooling3D Maximum Minimum MultiHeadAttention Multiply PReLU Permute RMSNormalization ReLU RepeatVector Rescaling Reshape
    SeparableConv1D SeparableConv2D SimpleRNN SimpleRNNCell Softmax SpatialDropout1D SpatialDropout2D SpatialDropout3D
    StackedRNNCells Subtract TimeDistributed UnitNormalization UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D
    ZeroPadding3D
    """.split()  # noqa: SIM905
)
"""Layers whose state is their weights, and which run no code of the model."""
_OBJECTS: Final = {
    "keras.layers": _LAYERS,
    "keras": frozenset({"Functional", "Sequential", "DTypePolicy"}),
    "keras.models": frozenset({"Functional", "Sequential"}),
    "keras.src.models.functional": frozenset({"Functional"}),
    "keras.src.models.sequential": frozenset({"Sequential"}),
    "keras.initializers": frozenset(
        """
        Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity LecunNormal LecunUniform Ones Orthogonal OrthogonalInitializer
        RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros
        """.split()  # noqa: SIM905
    ),
    "keras.regularizers": frozenset({"L1", "L1L2", "L2"}),
    "keras.constraints": frozenset({"MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"}),
    None: frozenset({"__keras_tensor__", "__tuple__"}),
}
"""Classes by module; those without a module are Keras's own notation."""


def checked_configuration(data: bytes) -> str:
    """Return a configuration, without what compiles the model, if it names known layers and bounded sizes only.

    Raises:
        ModelError: naming the layer, and what to do.
    """
    if len(data) > MOST_BYTES:
        raise ModelError(f"the Keras configuration has more than {MOST_BYTES} bytes")
    try:
        configuration = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"the topology is not a Keras model: {error}") from None
    if not isinstance(configuration, dict) or "class_name" not in configuration:
        raise ModelError("the topology is not a Keras model: it names no class")
    waiting: list[Any] = [configuration]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            value.pop("compile_config", None)
            if "class_name" in value:
                _check_object(value)
            waiting.extend(item for key, item in value.items() if key != "shared_object_id")  # an address, as large as it is
        elif isinstance(value, int | float) and not -MOST_SIZE <= value <= MOST_SIZE:
            raise ModelError(f"the Keras configuration has the number {value}, beyond {MOST_SIZE}")
    return json.dumps(configuration)


def _check_object(value: dict[str, Any]) -> None:
    module, name = value.get("module"), value["class_name"]
    known = _OBJECTS.get(module) if module is None or isinstance(module, str) else None
    if known is None or not isinstance(name, str) or name not in known:
        settings = value.get("config")
        label = settings.get("name") if isinstance(settings, dict) else None
        raise ModelError(
            f"the Keras model has {str(label)[:80]!r}, a {str(module)[:80]}.{str(name)[:80]}, which is not among the layers that are known "
            "to be safe; take it out of the model, or code the weights as .safetensors"
        )
