"""Decoders that each lack one rule and are otherwise right: the plain decoder with edits."""

from dataclasses import dataclass

from isolated.lacking import SourceEdit


@dataclass(frozen=True)
class Omission:
    """A decoder that lacks a rule.

    Args:
        rules: The rule, or the rules that one check of a decoder serves together.
        behaviour: What the decoder does with a stream that breaks the rule.
        edits: The changes to the plain decoder.
    """

    rules: tuple[str, ...]
    behaviour: str
    edits: tuple[SourceEdit, ...]


TRUNCATED = ("header-in-unit", "string-end", "cabac-end", "raw-size", "map-count")
"""Rules that a decoder lacks together when it does not look where data ends."""


def ignored(rule: str, *checks: tuple[str, str], behaviour: str = "does not check") -> Omission:
    """Return a decoder without these errors.

    Each is a module and the beginning of a line.
    """
    return Omission((rule,), behaviour, tuple((module, begin, "pass") for module, begin in checks))


OMISSIONS: tuple[Omission, ...] = (
    Omission(
        ("unit-size-min",),
        "takes a unit whose size is too small to the stream's end",
        (("stream", 'raise PlainError("size", f"nnr_unit_size', "nnr_unit_size = len(data) - start"),),
    ),
    Omission(
        ("unit-size-end",),
        "takes a unit that is too long to the stream's end",
        (("stream", 'raise PlainError("truncated", f"the unit of', "nnr_unit_size = len(data) - start"),),
    ),
    Omission(
        ("unit-size-end", *TRUNCATED),
        "leaves out a unit whose data ends early",
        (
            (
                "stream",
                "unit, end = self.read_unit(data, start, in_aggregate)",
                "try:\n"
                "    unit, end = self.read_unit(data, start, in_aggregate)\n"
                "except PlainError as error:\n"
                '    if error.category != "truncated":\n'
                "        raise\n"
                "    break",
            ),
            (
                "stream",
                "self.apply(unit)",
                'try:\n    self.apply(unit)\nexcept PlainError as error:\n    if error.category != "truncated":\n        raise',
            ),
        ),
    ),
    Omission(
        TRUNCATED,
        "takes header elements past a unit's end for zeros",
        (
            (
                "bits",
                'raise PlainError("truncated", f"{n} bits wanted',
                "missing = n - self.left()\nreturn self.u(self.left()) << missing",
            ),
            ("bits", "while self.u(1) == 0:", "while self.left() and self.u(1) == 0:"),
            ("bits", "while (byte := self.u(8)) != 0:", "while self.left() and (byte := self.u(8)) != 0:"),
            ("bits", "if self.u(1) != 1:", "if self.left() and self.u(1) != 1:"),
        ),
    ),
    Omission(
        TRUNCATED,
        "reads on past a unit's end",
        (
            ("bits", "class Bits:", 'class Payload(bytes):\n    following = b""\n\n\nclass Bits:'),
            ("bits", "self.data = data", 'self.data = data\nself.following = b""'),
            ("bits", "if n > self.left():", "if n > self.left() + 8 * len(self.following):"),
            (
                "bits",
                "word = int.from_bytes(self.data[first:last]",
                'word = int.from_bytes((self.data + self.following)[first:last], "big")',
            ),
            ("bits", "if self.left() != 0:", "if self.left() > 0:"),
            (
                "bits",
                "rest = self.data[self.position // 8 :]",
                "rest = Payload(self.data[self.position // 8 :])\nrest.following = self.following",
            ),
            ("bits", "self.position = 8 * len(self.data)", "self.position = max(self.position, 8 * len(self.data))"),
            (
                "stream",
                "bits.position = size_bits.position",
                "bits.position = size_bits.position\nbits.following = data[start + nnr_unit_size :]",
            ),
            (
                "stream",
                "bits = Bits(unit.payload, self.switches)",
                "bits = Bits(unit.payload, self.switches)\nbits.following = unit.payload.following",
            ),
            ("arithmetic", "self.payload = payload", "self.end = len(payload)\nself.payload = payload + payload.following"),
            ("arithmetic", "if last_byte + 1 != len(self.payload):", "if last_byte + 1 < self.end:"),
            (
                "payload",
                "size = 4 * math.prod(shape)",
                "size = 4 * math.prod(shape)\nif len(payload) < size:\n    payload = (payload + payload.following)[:size]",
            ),
        ),
    ),
    Omission(
        ("cabac-end",),
        "fills up with zeros when a codeword ends early",
        (
            ("arithmetic", "self.position = 0", "self.position = 0\nself.ended = False"),
            ("arithmetic", 'raise PlainError("truncated"', "self.ended = True\nreturn"),
            ("arithmetic", "self.IvlCurrRange -= 2", "if self.ended:\n    return\nself.IvlCurrRange -= 2"),
            ("tensor", "limits = contexts.limits", "limits = contexts.limits\nif engine.ended:\n    return 0"),
        ),
    ),
    Omission(
        ("raw-size",),
        "fills up missing raw numbers with zeros",
        (("payload", 'raise PlainError("truncated"', "payload = payload + bytes(size - len(payload))"),),
    ),
    Omission(
        ("string-utf8",),
        "replaces what is not UTF-8",
        (("bits", 'return characters.decode("utf-8")', 'return characters.decode("utf-8", "replace")'),),
    ),
    Omission(
        ("unit-type",),
        "skips the unit",
        (
            ("stream", 'raise PlainError("reserved", f"nnr_unit_type', "pass"),
            (
                "stream",
                "handlers[unit.unit_type](unit.header, bits)",
                "if unit.unit_type not in handlers:\n    return\nhandlers[unit.unit_type](unit.header, bits)",
            ),
        ),
    ),
    ignored(
        "first-unit",
        ("stream", 'raise PlainError("order", f"the stream starts'),
        ("stream", 'raise PlainError("order", "the stream is empty'),
    ),
    Omission(
        ("profile",),
        "decodes every profile as the first",
        (("stream", 'raise PlainError("unsupported"', "pass"), ("stream", "self.profile = general_profile_idc", "pass")),
    ),
    ignored("mps-first", ("stream", 'raise PlainError("order", "an NNR_NDU comes')),
    ignored("mps-once", ("stream", 'raise PlainError("order", "a second NNR_MPS')),
    ignored("str-once", ("stream", 'raise PlainError("order", "a second NNR_STR')),
    Omission(
        ("index-list", "index-range"),
        "names an element by its index",
        (
            ("topology", 'raise PlainError("reference", f"index {index} without', 'return f"element {index}"'),
            ("topology", 'raise PlainError("reference", f"index {index} into', 'return f"element {index}"'),
        ),
    ),
    ignored(
        "id-unique",
        ("stream", 'raise PlainError("reference", f"{name!r} is coded twice'),
        ("data_unit", 'raise PlainError("reference", f"an element is listed'),
    ),
    ignored("mps-reserved", ("bits", 'raise PlainError("reserved"')),
    Omission(
        ("parent-type",),
        "takes an unknown parent type for a node",
        (("data_unit", 'raise PlainError("reserved", f"parent_node_id_type', "parent_node_id_type = ICNN_NDU_ID"),),
    ),
    Omission(
        ("parent-type",),
        "takes an unknown parent type for the longer digest",
        (("data_unit", 'raise PlainError("reserved", f"parent_node_id_type', "parent_node_id_type = ICNN_NDU_PL_SHA512"),),
    ),
    Omission(
        ("tca-parent",),
        "takes the last indexes that it has, as far as they go, for the parent's",
        (
            (
                "model",
                'raise PlainError("reference", f"temporal_context_modeling_flag 1',
                "known = self.history(part.key).nodes\n"
                "indexes = [n.indexes for n in known if n.indexes is not None]\n"
                "return (indexes[-1] + [0] * elements)[:elements] if indexes else [0] * elements",
            ),
        ),
    ),
    Omission(
        ("cb-limit",),
        "takes the last value for what is past the codebook",
        (
            ("tensor", 'raise PlainError("value", f"magnitude', "pass"),
            ("codebook", 'raise PlainError("value", f"index', "return 0"),
        ),
    ),
    Omission(
        ("update-base",),
        "takes a difference to nothing for a new tensor",
        (
            ("model", 'raise PlainError("reference", f"an update of', "return"),
            (
                "model",
                "if self.header.parent is None or self.base is None:",
                "if self.header.parent is None or self.base is None or name not in self.base.parameters:",
            ),
        ),
    ),
    Omission(
        ("update-base",),
        "adds what fits",
        (
            (
                "model",
                'raise PlainError("reference", f"{name!r} is',
                "before = np.resize(before, decoded.shape).astype(decoded.dtype)",
            ),
        ),
    ),
    ignored("update-order", ("model", 'raise PlainError("order"')),
    ignored("update-sum", ("model", 'raise PlainError("value", f"the sum')),
    ignored("tca-raw", ("data_unit", 'raise PlainError("value", "temporal_context_modeling_flag 1')),
    ignored("storage-format", ("topology", 'raise PlainError("reserved", f"storage format')),
    ignored("compression-format", ("topology", 'raise PlainError("reserved", f"compression format')),
    Omission(
        ("rep-type",),
        "takes any container but a dictionary for one of masks",
        (("topology", 'raise PlainError("reserved", f"nnr_rep_type', "nnr_rep_type = NNR_TPL_BMSK"),),
    ),
    Omission(
        ("payload-type",),
        "takes an unknown payload type for NNR_PT_INT",
        (("data_unit", 'raise PlainError("reserved", f"nnr_compressed_data_unit_payload_type', "header.payload_type = NNR_PT_INT"),),
    ),
    ignored(
        "payload-type",
        ("data_unit", 'raise PlainError("reserved", f"nnr_compressed_data_unit_payload_type'),
        behaviour="reads an unknown payload type as a FLOAT without a codebook",
    ),
    Omission(
        ("data-format",),
        "falls back to the default format",
        (("data_unit", 'raise PlainError("reserved", f"nnr_decompressed_data_format', "header.decompressed_data_format = None"),),
    ),
    ignored("scan-order", ("data_unit", 'raise PlainError("reserved", f"scan_order'), behaviour="takes larger blocks"),
    ignored("reserved-bits", ("bits", 'raise PlainError("reserved"')),
    ignored("alignment-one", ("bits", 'raise PlainError("alignment", f"byte_alignment() has')),
    ignored("dims-count", ("data_unit", 'raise PlainError("dimension", "count_tensor'), behaviour="takes the tensor for a scalar"),
    Omission(
        ("dims-zero",),
        "gives a tensor without elements",
        (("data_unit", 'raise PlainError("dimension", f"dimensions', "pass"),),
    ),
    *(
        Omission(
            ("dims-product",),
            f"multiplies dimensions modulo 2 ** {bits}",
            (
                ("data_unit", 'raise PlainError("limit", f"dimensions', "pass"),
                ("data_unit", 'raise PlainError("limit", f"G of', "pass"),
                (
                    "tensor",
                    "columns = math.prod(shape[1:])",
                    f"columns = math.prod(shape[1:])\nif rows * columns >> {bits}:\n    rows, columns = 1, rows * columns % (1 << {bits})",
                ),
                (
                    "payload",
                    "size = 4 * math.prod(shape)",
                    f"if math.prod(shape) >> {bits}:\n    shape = (math.prod(shape) % (1 << {bits}),)\nsize = 4 * math.prod(shape)",
                ),
                (
                    "payload",
                    "tensors[part.name] = flat.reshape(part.shape)",
                    f"tensors[part.name] = flat if math.prod(part.shape) >> {bits} else flat.reshape(part.shape)",
                ),
            ),
        )
        for bits in (32, 64)
    ),
    Omission(
        ("dims-absent",),
        "takes a tensor without dimensions for a scalar",
        (("data_unit", 'raise PlainError("dimension", f"neither', "return ()"),),
    ),
    Omission(
        ("dims-absent",),
        "takes the dimensions of another tensor",
        (("data_unit", 'raise PlainError("dimension", f"neither', "return next(iter(around.topology_dimensions.values()))"),),
    ),
    Omission(
        ("qp-in-force",),
        "takes a step of 1",
        (("payload", 'raise PlainError("reference", f"no quantization', "quantization = Quantization(0, 0)"),),
    ),
    ignored(
        "qp-in-force",
        ("payload", 'raise PlainError("reference", f"no quantization'),
        behaviour="gives the indexes, and reads no qp_delta, where no qp is in force",
    ),
    Omission(
        ("block-vectors",),
        "takes vectors of one element",
        (
            ("data_unit", 'raise PlainError("dimension", "a block', "pass"),
            ("payload", "vector = header.dimensions[:1]", "vector = header.dimensions[:1] or (1,)"),
        ),
    ),
    Omission(
        ("block-ids",),
        "names parts without an id itself",
        (
            (
                "data_unit",
                'raise PlainError("reference", f"{len(header.ids)} ids for',
                'header.ids += [f"part {number}" for number in range(parts)]\nheader.ids = header.ids[:parts]',
            ),
        ),
    ),
    Omission(
        ("rank",),
        "computes with 0 and rounds",
        (
            ("data_unit", 'raise PlainError("dimension", f"decomposition_rank', "pass"),
            ("data_unit", 'raise PlainError("dimension", f"{header.g_number_of_rows} rows', "pass"),
            (
                "data_unit",
                "if math.prod(header.dimensions) % header.g_number_of_rows != 0:",
                "if header.g_number_of_rows and math.prod(header.dimensions) % header.g_number_of_rows != 0:",
            ),
            (
                "data_unit",
                "return self.decomposition_rank, math.prod(self.dimensions)",
                "return self.decomposition_rank, math.prod(self.dimensions) // self.g_number_of_rows if self.g_number_of_rows else 0",
            ),
        ),
    ),
    Omission(
        ("string-end", "header-in-unit", "index-range"),
        "keeps counts in 32 bits",
        (
            ("topology", "count_topology_elements = bits.ue(7) + 2", "count_topology_elements = (bits.ue(7) + 2) % (1 << 32)"),
            ("topology", "count_dims = bits.ue(1)", "count_dims = bits.ue(1) % (1 << 32)"),
            (
                "topology",
                "mask = [bits.u(1) for _ in range(count_bits)]",
                "mask = [bits.u(1) for _ in range(count_bits if count_bits + 7 < 1 << 32 else 0)]",
            ),
            ("data_unit", "count_tensor_dimensions = bits.ue(1)", "count_tensor_dimensions = bits.ue(1) % (1 << 32)"),
            ("data_unit", "number_of_shifts = bits.ue(1)", "number_of_shifts = bits.ue(1) % (1 << 32)"),
            ("codebook", "codebook_size = bits.ue(2)", "codebook_size = bits.ue(2) % (1 << 32)"),
        ),
    ),
    ignored("golomb-length", ("bits", 'raise PlainError("value", f"an exp-Golomb')),
    ignored(
        "codebook-size",
        ("codebook", 'raise PlainError("value", "codebook_size 0'),
        ("codebook", 'raise PlainError("value", f"CbZeroOffset'),
    ),
    Omission(
        ("codebook-index",),
        "takes 0 for what a codebook does not have",
        (("codebook", 'raise PlainError("value", f"index', "return 0"),),
    ),
    Omission(
        ("codebook-range",),
        "keeps the low 32 bits of a codebook value",
        (("codebook", 'raise PlainError("value", f"codebook value', "value = (value + (1 << 31)) % (1 << 32) - (1 << 31)"),),
    ),
    Omission(
        ("codebook-range",),
        "keeps the low 32 bits of the zero value, and checks the deltas",
        (("codebook", "values = [_int32(codebook_zero_value)]", "values = [(codebook_zero_value + (1 << 31)) % (1 << 32) - (1 << 31)]"),),
    ),
    Omission(
        ("prefix",),
        "keeps the low 32 bits of an index",
        (("tensor", 'raise PlainError("entropy", f"index', "value = (value + (1 << 31)) % (1 << 32) - (1 << 31)"),),
    ),
    ignored("prefix", ("tensor", 'raise PlainError("entropy", f"index'), behaviour="keeps indexes of any magnitude"),
    ignored(
        "interval",
        ("arithmetic", 'raise PlainError("entropy", f"IvlOffset'),
        ("payload", 'raise PlainError("entropy"'),
        behaviour="does not check, and ignores entry points, as it may",
    ),
    ignored("terminate", ("arithmetic", 'raise PlainError("entropy", f"the terminate')),
    ignored("stop-bits", ("arithmetic", 'raise PlainError("alignment"')),
    ignored(
        "payload-end",
        ("arithmetic", 'raise PlainError("size"'),
        ("bits", 'raise PlainError("size"'),
        ("payload", 'raise PlainError("size"'),
        ("stream", 'raise PlainError(category, f"{len(starts)}'),
        behaviour="ignores bytes after a payload",
    ),
    Omission(
        ("payload-end",),
        "ignores bytes after raw numbers",
        (("payload", 'raise PlainError("size"', "payload = payload[:size]"),),
    ),
    Omission(
        ("unit-size-end",),
        "takes an aggregate for whole that holds fewer units than it counts",
        (("stream", "raise PlainError(category", "pass"),),
    ),
    ignored("entry-points", ("payload", 'raise PlainError("entropy"')),
    *(
        Omission(
            ("format-range",),
            behaviour,
            (
                ("values", 'raise PlainError("value", "a value does not fit FLOAT16', "pass"),
                ("values", 'raise PlainError("value", f"{number} has no', "return 0"),
                ("values", 'raise PlainError("value", f"{number} does not', new),
            ),
        )
        for behaviour, new in (
            ("keeps the low bits of what does not fit", "integer = (integer + (1 << (width - 1))) % (1 << width) - (1 << (width - 1))"),
            ("takes the nearest value of the format", "integer = max(-(1 << (width - 1)), min(integer, (1 << (width - 1)) - 1))"),
        )
    ),
    Omission(
        ("deflate",),
        "gives out what does not inflate as it is",
        (
            ("topology", 'raise PlainError("topology", f"the data', "return data"),
            ("topology", 'raise PlainError("topology", "the deflated', "return inflated"),
            ("topology", 'raise PlainError("topology", f"{len(inflater', "return inflated"),
            ("topology", "INFLATED_LIMIT = 1 << 30", "INFLATED_LIMIT = 1 << 40"),
        ),
    ),
    Omission(
        ("partial-order",),
        "keeps a set open while whole units come",
        (
            (
                "stream",
                "starts.append((unit.unit_type, start))",
                "starts.append((unit.unit_type, start))\n"
                "if partial is not None and unit.counter is None:\n"
                "    self.apply(unit)\n"
                "    start = end\n"
                "    continue",
            ),
        ),
    ),
    Omission(
        ("partial-order",),
        "decodes what it has of a set",
        (("stream", 'raise PlainError("order", f"{partial.counter} units of a partial', "self.apply(partial)"),),
    ),
    ignored(
        "partial-order",
        ("stream", 'raise PlainError("order", f"partial_data_counter'),
        ("stream", 'raise PlainError("order", "the units of a partial set'),
        behaviour="joins whatever follows",
    ),
    ignored(
        "aggregate-nest",
        ("stream", 'raise PlainError("order", f"an aggregate holds'),
        ("stream", 'raise PlainError("order", "a second NNR_STR'),
    ),
    ignored("aggregate-type", ("stream", 'raise PlainError("reserved", f"nnr_aggregate')),
    ignored("aggregate-entry", ("stream", 'raise PlainError("size", f"the aggregate')),
    Omission(
        ("mapping-absent",),
        "gives every element the whole tensor",
        (
            ("data_unit", 'raise PlainError("reference", f"{len(header.ids)} elements in one', "pass"),
            (
                "payload",
                "return {name: weight if name == header.ids[0] else tensors[name] for name in header.ids}",
                "return {name: tensors.get(name, weight) for name in header.ids}",
            ),
        ),
    ),
    Omission(
        ("mapping",),
        "counts axes from 1",
        (
            ("payload", 'raise PlainError("dimension", f"axis {axis}', "axis -= 1"),
            (
                "payload",
                'raise PlainError("dimension", f"axis {shift_index}',
                "shift_index, shift_value = shift_index - 1, min(shift_value, shift_index - 1)",
            ),
        ),
    ),
    Omission(
        ("mapping",),
        "clips splits to the axis",
        (("payload", 'raise PlainError("dimension", f"split_index', "starts = sorted(starts)\nends = [*starts[1:], array.shape[axis]]"),),
    ),
)
