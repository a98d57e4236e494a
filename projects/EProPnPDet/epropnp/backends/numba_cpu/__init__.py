"""Kernels compiled by numba, for tensors in the memory of a CPU."""
