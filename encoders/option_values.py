"""The options that an encoder can be asked for.

It has our names, their values, and what they mean.

The names are those of `EncoderOptions`. qp and nonweight_qp are asked as steps per octave, so that
the same step is meant at each density.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from nnc_conformance.reference.encoder_options import EncoderOptions
from nnc_conformance.reference.errors import EncodeError

DEFAULT_DENSITY: Final = 2
"""qp_density of an encoder that cannot be asked for another."""
OFF, ON, AUTO = "off", "on", "auto"
SECOND_EDITION: Final = "2024"


@dataclass(frozen=True)
class AskedOption:
    """An option that an encoder can be asked for.

    Attributes:
        values: The values that it is asked for, the usual one first.
        meaning: What it means, for the documentation.
        update: Whether it acts in updates only.
    """

    values: tuple[str, ...]
    meaning: str
    update: bool = False


ASKED: Final[Mapping[str, AskedOption]] = {
    "qp": AskedOption(("-7", "-4"), "quantization parameter of weights, an integer; the step is about 2^(QP / 2^DENSITY)"),
    "nonweight_qp": AskedOption(("-9", "-12"), "quantization parameter of vectors, an integer"),
    "qp_density": AskedOption(("2", "0", "4"), "qp_density, 0 to 7"),
    "dq": AskedOption((OFF, ON), "dependent quantization"),
    "codebook": AskedOption(("none", "kmeans", "integer"), "method of designing codebooks"),
    "scan_order": AskedOption(("0", "1", "2", "3", "4"), "scan_order, 0 to 4"),
    "unary_length": AskedOption(("10", "1", "3", "64"), "cabac_unary_length, 1 to 256"),
    "rdo": AskedOption(("0", "1"), "weight of rate against distortion; 0 is the nearest value"),
    "parameter_sets": AskedOption(("default", "search"), "parameter sets of contexts"),
    "edition": AskedOption(("2022", SECOND_EDITION), "edition of the standard"),
    "row_skip": AskedOption((OFF, ON, AUTO), "skipping of rows of zeros (2024)"),
    "tca": AskedOption((OFF, ON, AUTO), "temporal contexts (2024)", update=True),
    "hdsp": AskedOption((OFF, ON, AUTO), "history dependent significance (2024)", update=True),
    "pre": AskedOption((OFF, ON), "predictive residual encoding (2024)", update=True),
    "blocks": AskedOption(("yes",), "{value} is a JSON file: the block of each tensor, and its type in the block"),
}
"""The options by name. The values of qp and nonweight_qp are octaves of the step."""
BLOCKS: Final = "blocks"
TOOLS: Final = ("row_skip", "tca", "hdsp", "pre")
"""Options that are on in the second edition only."""
OCTAVES: Final = ("qp", "nonweight_qp")
"""Options whose asked values are octaves of the step."""
_INTEGERS: Final = ("qp", "nonweight_qp", "qp_density", "scan_order", "unary_length", "edition")


def density_of(options: Mapping[str, str]) -> int:
    """Return the qp_density that options ask for, or the usual one."""
    return int(options.get("qp_density", DEFAULT_DENSITY))


def in_encoder_words(options: Mapping[str, str]) -> dict[str, str]:
    """Return options with qp in place of octaves of the step."""
    scale = 1 << density_of(options)
    return {name: str(int(float(value) * scale)) if name in OCTAVES else value for name, value in options.items()}


def check_value(name: str, value: str) -> str:
    """Return what is wrong with a value that encoder.toml lists; "" if nothing is."""
    try:
        reference_options({name: value})
    except (EncodeError, ValueError) as error:
        return str(error)
    return ""


def reference_options(options: Mapping[str, str], blocks: Mapping[str, Any] | None = None) -> EncoderOptions:
    """Convert options given as text to the reference encoder's options.

    Args:
        options: The text of each value by option name.
        blocks: The parsed JSON of the file that the option ``blocks`` names.

    Raises:
        EncodeError: For an unknown value of dq, and what `EncoderOptions` refuses.
        ValueError: For a number that cannot be read.
    """
    arguments: dict[str, Any] = {}
    for name, value in options.items():
        if name == "dq":
            if value not in (OFF, ON):
                raise EncodeError(f"dq is {OFF} or {ON}, not {value!r}")
            arguments[name] = value == ON
        elif name == "rdo":
            arguments[name] = float(value)
        elif name in _INTEGERS:
            arguments[name] = int(value)
        elif name != BLOCKS:
            arguments[name] = value
    if blocks is not None:
        arguments["blocks"] = dict(blocks)
    return EncoderOptions(**arguments)
