"""How far two float32 results of the same sums may be apart on different processors.

The rounding of a sum grows with the square root of its length. A processor with L lanes adds runs
of n / L numbers, so one lane instead of the recording's 16 makes four times the error; three
standard deviations instead of the one that the recording shows make three times as much. Measured
between a recording and its float64 value, as a multiple of their distance: mmcv's kernels 1.7, AVX2
4.6, SSE 6.3.
"""

OTHER_ORDER = 12
