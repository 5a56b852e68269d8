"""Machine instructions that Python has no word for, each with a twin that runs where the compiler is disabled.

All numbers are unsigned 64-bit. The compiled side says to LLVM what the twin says in Python, and nothing else stands in this module.
Offsets are in bytes from an array's start; what is read or written must lie within the array.
"""

from collections.abc import Callable
from typing import Any, Final

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

_CONFIG: Final[Any] = numba.config
_STRUCT: Final[Any] = cgutils.create_struct_proxy
types: Final[Any] = numba.types
_WORD: Final = ir.IntType(64)
_HALF: Final = ir.IntType(32)
_MASK: Final = (1 << 64) - 1


def _either(compiled: Callable[..., Any], twin: Callable[..., Any]) -> Callable[..., Any]:
    """The intrinsic, or its twin under NUMBA_DISABLE_JIT=1."""
    return twin if _CONFIG.DISABLE_JIT else intrinsic(compiled)


def _address(context: Any, builder: Any, kind: Any, place: tuple[Any, Any], word: Any) -> Any:
    """Pointer to a word in an array, ``place`` being the array and a byte offset from its start."""
    array, offset = place
    data = _STRUCT(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(builder.bitcast(data, ir.IntType(8).as_pointer()), [offset]), word.as_pointer())


def _leading_zeros(typing: Any, word: Any) -> Any:
    """Leading zeros of a word that is not 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


def _leading_zeros_twin(word: Any) -> Any:
    return np.uint64(64 - int(word).bit_length())


def _big_endian(typing: Any, octets: Any, offset: Any) -> Any:
    """The eight bytes from an offset, the first the most significant."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature.args[0], (arguments[0], arguments[1]), _WORD)
        return builder.bswap(builder.load(address, align=1))

    return types.uint64(octets, types.uint64), generate


def _big_endian_twin(octets: Any, offset: Any) -> Any:
    assert int(offset) + 8 <= octets.nbytes
    return np.uint64(int.from_bytes(octets[int(offset) : int(offset) + 8].tobytes(), "big"))


def _load(typing: Any, words: Any, offset: Any) -> Any:
    """The word of a uint64 array at an offset."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_address(context, builder, signature.args[0], (arguments[0], arguments[1]), _WORD), align=8)

    return types.uint64(words, types.uint64), generate


def _load_twin(words: Any, offset: Any) -> Any:
    return words[int(offset) >> 3]


def _store(typing: Any, words: Any, offset: Any, word: Any) -> Any:
    """Puts a word into a uint64 array."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store(arguments[2], _address(context, builder, signature.args[0], (arguments[0], arguments[1]), _WORD), align=8)
        return context.get_dummy_value()

    return types.void(words, types.uint64, types.uint64), generate


def _store_twin(words: Any, offset: Any, word: Any) -> None:
    words[int(offset) >> 3] = word


def _store_low(typing: Any, halves: Any, offset: Any, word: Any) -> Any:
    """Puts the low 32 bits of a word into an int32 array."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature.args[0], (arguments[0], arguments[1]), _HALF)
        builder.store(builder.trunc(arguments[2], _HALF), address, align=4)
        return context.get_dummy_value()

    return types.void(halves, types.uint64, types.uint64), generate


def _store_low_twin(halves: Any, offset: Any, word: Any) -> None:
    halves[int(offset) >> 2] = ((int(word) & 0xFFFFFFFF) ^ 0x80000000) - 0x80000000


def _choose(typing: Any, condition: Any, this: Any, other: Any) -> Any:
    """``this`` where the condition holds, else ``other``: by selection, never by a branch, as the processor could not foresee it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        chosen = builder.select(*arguments)
        chosen.set_metadata("unpredictable", builder.module.add_metadata([]))
        return chosen

    return types.uint64(types.boolean, types.uint64, types.uint64), generate


def _choose_twin(condition: Any, this: Any, other: Any) -> Any:
    return this if condition else other


def _subtract(typing: Any, minuend: Any, subtrahend: Any) -> Any:
    """The difference modulo 2^64, and whether it borrowed."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pair = builder.usub_with_overflow(*arguments)
        difference, borrow = builder.extract_value(pair, 0), builder.extract_value(pair, 1)
        return context.make_tuple(builder, signature.return_type, (difference, borrow))

    return types.Tuple((types.uint64, types.boolean))(types.uint64, types.uint64), generate


def _subtract_twin(minuend: Any, subtrahend: Any) -> Any:
    return np.uint64((int(minuend) - int(subtrahend)) & _MASK), minuend < subtrahend


def _signed_shift(typing: Any, word: Any, places: Any) -> Any:
    """The word shifted right, its most significant bit coming in."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ashr(*arguments)

    return types.uint64(types.uint64, types.uint64), generate


def _signed_shift_twin(word: Any, places: Any) -> Any:
    return np.uint64((((int(word) ^ (1 << 63)) - (1 << 63)) >> int(places)) & _MASK)


def _opaque(typing: Any, word: Any) -> Any:
    """The word, through a barrier: what comes after knows nothing of how it was made, so a selection of two loads stays one."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.asm(ir.FunctionType(_WORD, [_WORD]), "", "=r,0", arguments, False)

    return types.uint64(types.uint64), generate


def _opaque_twin(word: Any) -> Any:
    return word


leading_zeros = _either(_leading_zeros, _leading_zeros_twin)
big_endian = _either(_big_endian, _big_endian_twin)
load = _either(_load, _load_twin)
store = _either(_store, _store_twin)
store_low = _either(_store_low, _store_low_twin)
choose = _either(_choose, _choose_twin)
subtract = _either(_subtract, _subtract_twin)
signed_shift = _either(_signed_shift, _signed_shift_twin)
opaque = _either(_opaque, _opaque_twin)
