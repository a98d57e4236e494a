"""Exponential, sine and cosine as polynomials, which run in vector registers.

The compiler calls a library for its own, number by number. In double precision, to a few units of
the last place of what they are used for.
"""

import math

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from epropnp.backends.numba_cpu.compiled import inlined

LOWEST, HIGHEST = -708.0, 709.0  # exponents whose powers are normal numbers
PER_LOG_TWO = 1.0 / math.log(2.0)
LOG_TWO_HIGH = 0.693147180369123816490  # exact products with any exponent
LOG_TWO_LOW = 1.90821492927058770002e-10
POWERS = tuple(1.0 / math.factorial(k) for k in range(14))
SINE = tuple((-1) ** k * math.pi ** (2 * k + 1) / math.factorial(2 * k + 1) for k in range(12))
COSINE = tuple((-1) ** k * math.pi ** (2 * k) / math.factorial(2 * k) for k in range(12))


@intrinsic
def _float_of_bits(typing_context, bits):
    """The double precision number that is stored as some integer."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), generate


@inlined
def exponential(x):
    """Exponential of x; what is not a number counts as the lowest."""
    x = x if x > LOWEST else LOWEST
    x = x if x < HIGHEST else HIGHEST
    whole = np.floor(x * PER_LOG_TWO + 0.5)
    rest = (x - whole * LOG_TWO_HIGH) - whole * LOG_TWO_LOW
    return _polynomial(POWERS, rest) * _float_of_bits((np.int64(np.int32(whole)) + 1023) << 52)


@inlined
def sine_of_half(angle):
    """sin(angle / 2), but for its sign."""
    turns = angle * (0.5 / math.pi)
    turns -= np.floor(turns + 0.5)
    return turns * _polynomial(SINE, turns * turns)


@inlined
def direction(angle):
    """Sine and cosine of an angle."""
    turns = angle * (0.5 / math.pi)
    turns -= np.floor(turns + 0.5)
    square = turns * turns
    sine, cosine = turns * _polynomial(SINE, square), _polynomial(COSINE, square)
    return 2.0 * sine * cosine, cosine * cosine - sine * sine


@inlined
def tangent_of_turns(turns):
    """tan(pi turns) of up to half a turn."""
    square = turns * turns
    return turns * _polynomial(SINE, square) / _polynomial(COSINE, square)


@inlined
def _polynomial(coefficients, x):
    total = coefficients[-1]
    for index in range(len(coefficients) - 2, -1, -1):
        total = total * x + coefficients[index]
    return total
