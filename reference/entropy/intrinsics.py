"""Machine instructions that Python lacks, each with an equivalent in Python (its twin).

Twins run if the compiler is disabled. Numbers are unsigned and have 64 bits. Addresses are in bytes
from `address_of` the array, which is 0 for a twin; what they refer to must be inside the array.
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
_MASK: Final = (1 << 64) - 1
LINE: Final = 64
"""Bytes that `copy_line` copies."""


def _either(compiled: Callable[..., Any], twin: Callable[..., Any]) -> Callable[..., Any]:
    """Return what Numba compiles as an instruction, or its twin under NUMBA_DISABLE_JIT=1.

    Args:
        compiled: Takes the types of the arguments and returns a signature and the generator of the
        code.
        twin: Does the same in Python, with the arguments.
    """
    return twin if _CONFIG.DISABLE_JIT else intrinsic(compiled)


def _data(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    """Compute the address of an array's first byte."""
    return builder.ptrtoint(_STRUCT(kind)(context, builder, array).data, _WORD)


def _pointer(builder: Any, address: Any, bits: int) -> Any:
    """Convert an address to a pointer to a number."""
    return builder.inttoptr(address, ir.IntType(bits).as_pointer())


def _part(array: Any, address: Any, size: int) -> bytes:
    """Return ``size`` bytes of an array from an address on, which counts from its start."""
    assert 0 <= int(address) <= array.nbytes - size
    octets: bytes = array.reshape(-1).view(np.uint8)[int(address) : int(address) + size].tobytes()
    return octets


def _address_of(typing: Any, array: Any) -> Any:
    """Return signature and code of an array's address; the twin gives 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _data(context, builder, signature.args[0], arguments[0])

    return types.uint64(array), generate


def _address_of_twin(array: Any) -> Any:
    """Do in Python what the instruction of `_address_of` does."""
    return np.uint64(0)


def _loader(bits: int, *, signed: bool = False) -> Callable[..., Any]:
    """Make a function that loads a number of some bits as a word.

    It takes an array, which only the twin uses, and an address.

    Args:
        bits: Bits of the number: 8, 16, 32 or 64.
        signed: Whether its sign is extended.
    """

    def load(typing: Any, array: Any, address: Any) -> Any:
        """Return signature and code of the load."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            number = builder.load(_pointer(builder, arguments[1], bits), align=1)
            return number if bits == 64 else (builder.sext if signed else builder.zext)(number, _WORD)

        return types.uint64(array, types.uint64), generate

    def twin(array: Any, address: Any) -> Any:
        return np.uint64(int.from_bytes(_part(array, address, bits // 8), "little", signed=signed) & _MASK)

    return _either(load, twin)


def _storer(bits: int) -> Callable[..., Any]:
    """Make a function that stores the low bits of a word.

    It takes an array, which only the twin uses, an address and the word.

    Args:
        bits: Number of these bits: 8, 16, 32 or 64.
    """

    def store(typing: Any, array: Any, address: Any, word: Any) -> Any:
        """Return signature and code of the store."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            number = arguments[2] if bits == 64 else builder.trunc(arguments[2], ir.IntType(bits))
            builder.store(number, _pointer(builder, arguments[1], bits), align=1)
            return context.get_dummy_value()

        return types.void(array, types.uint64, types.uint64), generate

    def twin(array: Any, address: Any, word: Any) -> None:
        assert 0 <= int(address) <= array.nbytes - bits // 8
        octets = (int(word) & ((1 << bits) - 1)).to_bytes(bits // 8, "little")
        array.reshape(-1).view(np.uint8)[int(address) : int(address) + bits // 8] = np.frombuffer(octets, np.uint8)

    return _either(store, twin)


def _big_endian(typing: Any, octets: Any, address: Any) -> Any:
    """Return signature and code that load eight bytes, most significant first."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bswap(builder.load(_pointer(builder, arguments[1], 64), align=1))

    return types.uint64(octets, types.uint64), generate


def _big_endian_twin(octets: Any, address: Any) -> Any:
    """Do in Python what the instruction of `_big_endian` does."""
    return np.uint64(int.from_bytes(_part(octets, address, 8), "big"))


def _leading_zeros(typing: Any, word: Any) -> Any:
    """Return signature and code that count the leading zeros of a word other than 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


def _leading_zeros_twin(word: Any) -> Any:
    """Do in Python what the instruction of `_leading_zeros` does."""
    return np.uint64(64 - int(word).bit_length())


def _trailing_zeros(typing: Any, word: Any) -> Any:
    """Return signature and code that count the trailing zeros of a word other than 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


def _trailing_zeros_twin(word: Any) -> Any:
    """Do in Python what the instruction of `_trailing_zeros` does."""
    return np.uint64((int(word) & -int(word)).bit_length() - 1)


def _add(typing: Any, one: Any, other: Any) -> Any:
    """Return signature and code of an addition of words modulo 2^64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.add(*arguments)

    return types.uint64(types.uint64, types.uint64), generate


def _add_twin(one: Any, other: Any) -> Any:
    """Do in Python what the instruction of `_add` does."""
    return np.uint64((int(one) + int(other)) & _MASK)


def _subtract(typing: Any, minuend: Any, subtrahend: Any) -> Any:
    """Return signature and code of a subtraction of words modulo 2^64.

    It gives the difference, and whether it borrowed.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pair = builder.usub_with_overflow(*arguments)
        difference, borrow = builder.extract_value(pair, 0), builder.extract_value(pair, 1)
        return context.make_tuple(builder, signature.return_type, (difference, borrow))

    return types.Tuple((types.uint64, types.boolean))(types.uint64, types.uint64), generate


def _subtract_twin(minuend: Any, subtrahend: Any) -> Any:
    """Do in Python what the instruction of `_subtract` does."""
    return np.uint64((int(minuend) - int(subtrahend)) & _MASK), minuend < subtrahend


def _spread(typing: Any, condition: Any) -> Any:
    """Return signature and code of a word of all ones under a condition, else 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.sext(arguments[0], _WORD)

    return types.uint64(types.boolean), generate


def _spread_twin(condition: Any) -> Any:
    """Do in Python what the instruction of `_spread` does."""
    return np.uint64(_MASK if condition else 0)


def _choose(typing: Any, condition: Any, this: Any, other: Any) -> Any:
    """Return signature and code that choose ``this`` if a condition holds, else ``other``.

    There is no branch, which the processor could not predict here.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        chosen = builder.select(*arguments)
        chosen.set_metadata("unpredictable", builder.module.add_metadata([]))
        return chosen

    return types.uint64(types.boolean, types.uint64, types.uint64), generate


def _choose_twin(condition: Any, this: Any, other: Any) -> Any:
    """Do in Python what the instruction of `_choose` does."""
    return this if condition else other


def _choose_signed(typing: Any, word: Any, this: Any, other: Any) -> Any:
    """Return signature and code of a choice by bit 63 of a word.

    It is ``this`` if the bit is set, else ``other``. There is no branch, as in `_choose`.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        chosen = builder.select(builder.icmp_signed("<", arguments[0], ir.Constant(_WORD, 0)), arguments[1], arguments[2])
        chosen.set_metadata("unpredictable", builder.module.add_metadata([]))
        return chosen

    return types.uint64(types.uint64, types.uint64, types.uint64), generate


def _choose_signed_twin(word: Any, this: Any, other: Any) -> Any:
    """Do in Python what the instruction of `_choose_signed` does."""
    return this if int(word) >> 63 else other


def _opaque(typing: Any, word: Any) -> Any:
    """Return signature and code that give a word back, past what LLVM can see.

    LLVM would otherwise merge two loads into one from a selected address.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.asm(ir.FunctionType(_WORD, [_WORD]), "", "=r,0", arguments, False)

    return types.uint64(types.uint64), generate


def _opaque_twin(word: Any) -> Any:
    """Do in Python what the instruction of `_opaque` does."""
    return word


def _copy_line(typing: Any, array: Any, target: Any, source: Any) -> Any:
    """Return signature and code that copy `LINE` bytes from one address to another."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        """Generate a load and a store of `LINE` bytes."""
        line = ir.VectorType(_WORD, LINE // 8).as_pointer()
        words = builder.load(builder.inttoptr(arguments[2], line), align=1)
        builder.store(words, builder.inttoptr(arguments[1], line), align=1)
        return context.get_dummy_value()

    return types.void(array, types.uint64, types.uint64), generate


def _copy_line_twin(array: Any, target: Any, source: Any) -> None:
    """Do in Python what the instruction of `_copy_line` does."""
    assert 0 <= int(target) <= array.nbytes - LINE
    array.reshape(-1).view(np.uint8)[int(target) : int(target) + LINE] = np.frombuffer(_part(array, source, LINE), np.uint8)


address_of = _either(_address_of, _address_of_twin)
load = _loader(64)
load_32 = _loader(32)
load_16 = _loader(16)
load_signed_16 = _loader(16, signed=True)
store = _storer(64)
store_32 = _storer(32)
big_endian = _either(_big_endian, _big_endian_twin)
copy_line = _either(_copy_line, _copy_line_twin)
leading_zeros = _either(_leading_zeros, _leading_zeros_twin)
trailing_zeros = _either(_trailing_zeros, _trailing_zeros_twin)
add = _either(_add, _add_twin)
subtract = _either(_subtract, _subtract_twin)
spread = _either(_spread, _spread_twin)
choose = _either(_choose, _choose_twin)
choose_signed = _either(_choose_signed, _choose_signed_twin)
opaque = _either(_opaque, _opaque_twin)
