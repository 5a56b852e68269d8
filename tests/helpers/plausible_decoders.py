"""Wrong decoders of the first edition that an implementer may well write, as changes of the plain
decoder.
"""

import inspect
import sys
import textwrap
from dataclasses import dataclass
from types import CodeType
from typing import Any, Final


@dataclass(frozen=True)
class Change:
    """A text of a function that stands once in its source, and what stands there instead."""

    module: str
    function: str
    old: str
    new: str

    def place(self) -> Any:
        """Return the function that is changed."""
        function: Any = sys.modules[f"plain_decoder.{self.module}"]
        for step in self.function.split("."):
            function = vars(function)[step]
        return getattr(function, "__func__", getattr(function, "fget", function))

    def code(self) -> CodeType:
        """Return the code of the changed function."""
        function = self.place()
        source = textwrap.dedent(inspect.getsource(function))
        assert source.count(self.old) == 1, f"{self.old!r} stands {source.count(self.old)} times in {self.function}"
        scope = dict(function.__globals__)
        exec(source.replace(self.old, self.new), scope)
        changed = scope[self.function.rpartition(".")[2]]
        code: CodeType = getattr(changed, "fget", changed).__code__
        return code


@dataclass(frozen=True)
class WrongDecoder:
    """A decoder with one bug.

    Args:
        what: What it does.
        caught_by: A vector of core or negative that shows it.
        changes: How it is made of the plain decoder.
    """

    what: str
    caught_by: str
    changes: tuple[Change, ...]


def _wrong(what: str, caught_by: str, *changes: tuple[str, str, str, str]) -> WrongDecoder:
    return WrongDecoder(what, caught_by, tuple(Change(*change) for change in changes))


_INDEXES: Final = "[index for _, index in sorted(coded)]"

WRONG_DECODERS: Final = (
    _wrong(
        "keeps indexes in 16 bits",
        "bad-codebook-index-far",
        ("tensor", "quant_tensor", _INDEXES, "[(index + 0x8000 & 0xFFFF) - 0x8000 for _, index in sorted(coded)]"),
    ),
    _wrong(
        "lets an index wrap around in 32 bits",
        "bad-prefix-31-prefix-bins-unary-1",
        (
            "tensor",
            "_index",
            "if not INT32_MIN <= value <= INT32_MAX:",
            "value = (value + 0x80000000 & 0xFFFFFFFF) - 0x80000000\n    if False:",
        ),
    ),
    _wrong(
        "writes indexes other than 0 into a buffer that it does not clear between tensors",
        "ndu-format-block-default",
        (
            "tensor",
            "quant_tensor",
            f"return QuantTensor(qp_delta, {_INDEXES}, first_bit, entries)",
            "kept = engine.__dict__.setdefault('buffer', {})\n"
            "    kept.update((place, index) for place, index in coded if index)\n"
            "    return QuantTensor(qp_delta, [kept.get(place, 0) for place in range(rows * columns)], first_bit, entries)",
        ),
    ),
    _wrong(
        "applies an LPS to the next data unit alone",
        "lps-in-force-until-next",
        ("stream", "_StreamDecoder.data_unit", "payload = bits.bs()", "self.lps = None\n    payload = bits.bs()"),
    ),
    _wrong(
        "keeps the first LPS",
        "value-codebook-underflow",
        ("stream", "_StreamDecoder.layer_parameter_set_unit", "self.lps = parameter", "self.lps = self.lps or parameter"),
    ),
    _wrong(
        "takes the density of a step from the MPS",
        "lps-method-qcb",
        (
            "stream",
            "_StreamDecoder.data_unit",
            "payload = bits.bs()",
            "if in_force and self.mps and self.mps.quantization:\n"
            "        in_force = [type(in_force[0])(self.mps.quantization.qp_density, in_force[0].quantization_parameter)]\n"
            "    payload = bits.bs()",
        ),
    ),
    _wrong(
        "adds the qp_delta of a tensor to the parameter in force for the next ones",
        "block-vector-weight",
        (
            "payload",
            "decode_payload",
            "qp = coded.qp_delta + quantization",
            "quantization.quantization_parameter += coded.qp_delta if tensors is converted else 0\n                qp = quantization",
        ),
    ),
    _wrong(
        "reads a qp_delta without its sign",
        "block-dc-rank-1",
        ("tensor", "quant_tensor", "engine.iae_v(qp_delta_bits)", "engine.uae_v(qp_delta_bits)"),
    ),
    _wrong(
        "reads a quantization parameter without its sign",
        "codebook-size-2",
        ("parameter_sets", "_quantization", "bits.i(13)", "bits.u(13)"),
    ),
    _wrong(
        "rounds a negative qp towards 0, as C divides",
        "dq-step",
        (
            "values",
            "quantization_step",
            "mantissa = (1 << qp_density) + qp % (1 << qp_density)\n    exponent = (qp >> qp_density)",
            "whole = int(qp / (1 << qp_density))\n    mantissa = (1 << qp_density) + qp - whole * (1 << qp_density)\n    exponent = whole",
        ),
    ),
    _wrong(
        "takes a subnormal value for 0",
        "value-codebook-underflow",
        ("values", "float_values", "    exact[np.isnan(exact)]", "    single[np.abs(single) < 2.0**-126] = 0\n    exact[np.isnan(exact)]"),
    ),
    _wrong(
        "loses the sign of a raw zero",
        "ndu-format-raw-default",
        ("values", "raw_values", ".astype(np.float32)\n", ".astype(np.float32) + np.float32(0)\n"),
    ),
    _wrong(
        "keeps codebook values in 16 bits",
        "codebook-zero-value-large",
        ("codebook", "_int32", "return value", "return (value + 0x8000 & 0xFFFF) - 0x8000"),
    ),
    _wrong(
        "uses the codebook for each tensor of a block",
        "codebook-block",
        (
            "payload",
            "parts",
            "return local_scaling + bias + batch_norm + weights",
            "return [Part(part.key, part.shape, part.scan_order, header.codebook) for part in local_scaling + bias + batch_norm] + weights",
        ),
    ),
    _wrong(
        "uses the codebook of G for H",
        "block-dc-codebooks",
        ("payload", "parts", "header.codebook_dc", "header.codebook"),
    ),
    _wrong(
        "uses dependent quantization for the weight of a block alone",
        "block-dc-dq",
        (
            "payload",
            "decode_payload",
            "trellis=trellis,",
            "trellis=trellis and not (header.payload_type == NNR_PT_BLOCK and len(part.shape) == 1),",
        ),
    ),
    _wrong(
        "gives the vectors of batch normalization in the order gamma, beta",
        "block-one-row",
        ("payload", "parts", "    bias = [", "    batch_norm[:2] = batch_norm[1::-1]\n    bias = ["),
    ),
    _wrong(
        "reads the bias of a block after its batch normalization",
        "block-bn-bi",
        ("payload", "parts", "return local_scaling + bias + batch_norm + weights", "return local_scaling + batch_norm + bias + weights"),
    ),
    _wrong(
        "keeps the contexts of a block's first tensor for the others",
        "ndu-id-list-empty",
        (
            "tensor",
            "quant_tensor",
            "contexts.shift_parameter_ids(engine, switches)",
            "first = 'contexts' not in engine.__dict__\n"
            "    kept = engine.__dict__.setdefault('contexts', contexts)\n"
            "    contexts.shift_parameter_ids(engine, switches)\n"
            "    if not first and len(kept.all) == len(contexts.all):\n"
            "        contexts = kept",
        ),
    ),
    _wrong(
        "takes the state of the trellis from the start in each block row",
        "scan-1-block-rows-dq",
        ("tensor", "quant_tensor", "        previous = 0\n", "        previous = state = 0\n"),
    ),
    _wrong(
        "knows the last index of a block row in the next",
        "codebook-scan-1",
        ("tensor", "quant_tensor", "        previous = 0\n", "        previous = previous if number > 0 else 0\n"),
    ),
    _wrong(
        "takes the index before a row for 0",
        "ndu-id-empty",
        ("tensor", "quant_tensor", "            for place in stretch:\n", "            previous = 0\n            for place in stretch:\n"),
    ),
    _wrong(
        "resets contexts to set 0 at a block row",
        "block-rows-scan-1-alone",
        (
            "tensor",
            "quant_tensor",
            "            contexts.reset()\n",
            "            for context in contexts.all:\n                context.parameter_set = 0\n            contexts.reset()\n",
        ),
    ),
    _wrong(
        "does not begin a block row with a range of 256 where it is the first",
        "block-scan-1",
        ("tensor", "quant_tensor", "if several_block_rows:", "if several_block_rows and number > 0:"),
    ),
    _wrong(
        "begins the only block row with a range of 256, too",
        "scan-1-one-row",
        ("tensor", "quant_tensor", "if several_block_rows:", "if scan_order > 0:"),
    ),
    _wrong(
        "cuts blocks from rows as long as the last dimension",
        "scan-1-higher-ranks",
        (
            "tensor",
            "quant_tensor",
            "    rows = shape[0] if shape else 1\n    columns = math.prod(shape[1:])\n",
            "    rows = math.prod(shape[:-1])\n    columns = shape[-1] if shape else 1\n",
        ),
    ),
    _wrong(
        "takes the magnitude of a state before it shifts it",
        "mps-methods-4",
        ("arithmetic", "ArithmeticDecoder.context_bin", "abs(s >> 7)", "(abs(s) >> 7)"),
    ),
    _wrong(
        "has ten contexts of abs_level_greater_x for each sign",
        "cabac-unary-length-32",
        (
            "tensor",
            "_magnitude",
            "contexts.abs_level_greater_x[2 * j + negative]",
            "contexts.abs_level_greater_x[2 * min(j, 9) + negative]",
        ),
    ),
    _wrong(
        "chooses the context of a sign as if the index before were 0",
        "mps-methods-2",
        ("tensor", "quant_param", "contexts.sign_flag[neighbour]", "contexts.sign_flag[0]"),
    ),
    _wrong(
        "reads at most 16 bypass bins at once",
        "ndu-format-int-default-ends",
        ("arithmetic", "ArithmeticDecoder.uae_v", "range(n)", "range(min(n, 16))"),
    ),
    _wrong(
        "has a prefix of at most 15 ones",
        "dq-largest",
        ("tensor", "_magnitude", "while ones < PREFIX_CONTEXTS", "while ones < 15"),
    ),
    _wrong(
        "takes the terminate bin for 1 without taking 2 from the range",
        "bad-terminate-bin-0",
        (
            "arithmetic",
            "ArithmeticDecoder.terminate",
            "self.IvlCurrRange -= 2\n    if self.IvlOffset < self.IvlCurrRange:",
            "if self.IvlOffset < self.IvlCurrRange - 3:",
        ),
    ),
    _wrong(
        "does not look at the terminate bin",
        "bad-terminate-one-below",
        ("arithmetic", "ArithmeticDecoder.terminate", "if self.IvlOffset < self.IvlCurrRange:", "if False:"),
    ),
    _wrong(
        "keeps cabac_unary_length in 8 bits",
        "choices-pairs-certified-006",
        ("data_unit", "data_unit_header", "bits.u(8) + 1", "bits.u(8) + 1 & 0xFF"),
    ),
    _wrong(
        "keeps exp-Golomb values in 32 bits",
        "bad-dims-product-modulo-2-32-int",
        ("bits", "Bits.ue", "return x + self.u(k + zeros)", "return x + self.u(k + zeros) & 0xFFFFFFFF"),
    ),
    _wrong(
        "keeps the size of a unit in 16 bits",
        "unit-size-31-bit-65536",
        ("stream", "_StreamDecoder.read_unit", "if nnr_unit_size < size", "nnr_unit_size &= 0xFFFF\n    if nnr_unit_size < size"),
    ),
    _wrong(
        "takes ids for Latin-1",
        "bad-string-utf8-list",
        ("bits", "Bits.st", 'characters.decode("utf-8")', 'characters.decode("latin-1")'),
    ),
    _wrong(
        "takes surrogates in ids",
        "bad-string-utf8-last-surrogate",
        ("bits", "Bits.st", 'characters.decode("utf-8")', 'characters.decode("utf-8", "surrogatepass")'),
    ),
    _wrong(
        "keeps 255 bytes of an id",
        "bad-string-utf8-lone-last-continuation",
        ("bits", "Bits.st", 'characters.decode("utf-8")', 'characters[:255].decode("utf-8", "ignore")'),
    ),
    _wrong(
        "writes no byte of alignment where a place is aligned",
        "bad-header-in-unit-mps-byte-alignment",
        ("bits", "Bits.byte_alignment", "if self.u(1) != 1:", "if self.position % 8 == 0:\n        return\n    if self.u(1) != 1:"),
    ),
    _wrong(
        "counts references from 1",
        "tpl-reflist-before-mps",
        ("topology", "referred", "reference_list[index]", "reference_list[index - 1]"),
    ),
    _wrong(
        "ignores bytes after the last whole unit",
        "bad-unit-size-end-first-byte",
        ("stream", "_StreamDecoder.units", "while start < len(data):", "while start + 3 < len(data):"),
    ),
    _wrong(
        "takes a set of one piece for an unfinished one",
        "unit-partial-one-byte",
        (
            "stream",
            "_StreamDecoder.units",
            "partial = unit if unit.counter else None",
            "partial = unit if unit.counter is not None else None",
        ),
    ),
    _wrong(
        "refers by name again after an LPS",
        "lps-in-force-indexes",
        (
            "stream",
            "_StreamDecoder.indexed",
            "self.mps.topology_indexed_reference_flag if self.mps else 0",
            "(self.lps or self.mps).topology_indexed_reference_flag if self.mps else 0",
        ),
    ),
    _wrong(
        "keeps the unary length of the data unit before",
        "choices-pairs-certified-009",
        (
            "data_unit",
            "data_unit_header",
            "    if is_block and header.has(NNR_CPT_DC) and codebook_present_flag:",
            "    kept = bits.switches.setdefault('unary_length', [10])\n"
            "    if header.unary_length != 10:\n"
            "        kept[0] = header.unary_length\n"
            "    header.unary_length = kept[0]\n"
            "    if is_block and header.has(NNR_CPT_DC) and codebook_present_flag:",
        ),
    ),
    _wrong(
        "keeps the codebook of the data unit before",
        "codebook-one-each",
        (
            "data_unit",
            "data_unit_header",
            "            header.codebook = codebook(bits)\n",
            "            header.codebook = bits.switches['codebook'] = codebook(bits)\n"
            "        else:\n"
            "            header.codebook = bits.switches.get('codebook')\n",
        ),
    ),
    _wrong(
        "counts whole blocks for the entry points",
        "codebook-scan-1",
        ("tensor", "block_rows", "-(-rows // block_size(scan_order))", "max(1, rows // block_size(scan_order))"),
    ),
    _wrong(
        "reads bit_offset_delta2 without its sign",
        "codebook-scan-1",
        ("data_unit", "entry_point_list", "bits.ie(7)", "bits.ue(7)"),
    ),
    _wrong(
        "lists no entry points of H",
        "block-dc-scan-1-one-block-row-g",
        ("data_unit", "entry_point_list", "rows = [header.g_shape()[0], header.h_shape()[0]]", "rows = [header.g_shape()[0]]"),
    ),
    _wrong(
        "reads raw numbers from their most significant byte",
        "ndu-raw-without-qp",
        ("values", "raw_values", '"<f4"', '">f4"'),
    ),
    _wrong(
        "pads the last block of a row to its whole width",
        "scan-1-one-column",
        ("tensor", "_block_row", "row * columns + min(left + size, columns)", "row * columns + left + size"),
    ),
    _wrong(
        "keeps indexes as binary32 before it multiplies them",
        "cabac-remainders",
        (
            "values",
            "integer_values",
            "exact = np.array(indexes, np.int64)",
            "indexes = [int(np.float32(index)) for index in indexes]\n    exact = np.array(indexes, np.int64)",
        ),
    ),
    _wrong(
        "gives a data unit under an LPS the sum of both quantization parameters",
        "lps-qp-max",
        (
            "stream",
            "_StreamDecoder.data_unit",
            "payload = bits.bs()",
            "if len(in_force) == 2:\n"
            "        in_force = [type(in_force[0])(in_force[0].qp_density, sum(one.quantization_parameter for one in in_force))]\n"
            "    payload = bits.bs()",
        ),
    ),
    _wrong(
        "reads qp_density in two bits",
        "mps-qp-min-density-7",
        ("parameter_sets", "_quantization", "qp_density=bits.u(3)", "qp_density=bits.u(3) & 3"),
    ),
    _wrong(
        "reads no qp where only codebooks are announced",
        "codebook-size-3",
        (
            "parameter_sets",
            "_quantization",
            "quantization_method_flags & (NNR_QSU | NNR_QCB) == 0",
            "quantization_method_flags & NNR_QSU == 0",
        ),
    ),
)
