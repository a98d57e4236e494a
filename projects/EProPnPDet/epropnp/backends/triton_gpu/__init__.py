"""Kernels compiled by Triton, for tensors in the memory of a GPU."""
