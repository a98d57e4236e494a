"""Every kernel for a GPU goes through Triton's compiler, which takes no GPU.

The interpreter accepts code that the compiler refuses; what the code computes is tested in
`test_triton_backend`.
"""

import os
import subprocess
import sys

import pytest

from epropnp.backends.coverage import POINT_LEAVES

ARCHITECTURE = 80  # compute capability 8.0: the oldest with TF32, A100
KERNELS = ["minimize", "sample_values", "point_gradients", "normal_equations", "step_gradients"]
CODE = f"""
import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.runtime.jit import JITFunction


class NoGPU:
    def get_current_target(self):
        return GPUTarget("cuda", {ARCHITECTURE}, 32)

    def get_current_device(self):
        return 0

    def get_current_stream(self, device):
        return 0


def compile_only(kernel, grid):
    def run(*args, num_warps):
        found = kernel.run(*args, grid=grid, warmup=True, num_warps=num_warps)
        print(kernel.__name__, len(found.asm["cubin"]))

    return run


triton.runtime.driver.set_active(NoGPU())
JITFunction.__getitem__ = compile_only
from epropnp import TrustRegion
from epropnp.backends.triton_gpu import launch
from epropnp.backends.triton_gpu.backend import TritonBackend
from pnp_scenes import clipped_cost

launch.DEVICES = ("cpu",)
backend = TritonBackend()
for dof in (4, 6):
    cost, pose = clipped_cost(dof, num=2, points=20, dtype=torch.float32)
    backend.minimize(cost, pose, 3, TrustRegion())
    leaves = {{name: cost.leaves()[name].clone().requires_grad_() for name in {POINT_LEAVES!r}}}
    cost = cost.with_leaves(leaves)
    values = backend.attach(cost, pose[None], backend.values(cost, pose[None]))
    values.sum().backward()
    backend.newton_step(cost, pose).sum().backward()
"""


@pytest.mark.slow
def test_every_kernel_compiles(repo_dir, tmp_path):
    wanted = 'the kernels for a GPU need triton >= 3.6: pip install ".[gpu]"'
    pytest.importorskip("triton", minversion="3.6", reason=wanted)
    env = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    env["TRITON_CACHE_DIR"] = str(tmp_path)
    env["PYTHONPATH"] = os.pathsep.join([str(repo_dir / "tests"), *sys.path])
    done = subprocess.run([sys.executable, "-c", CODE], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [line.split() for line in done.stdout.splitlines()]
    assert sorted(name for name, _ in lines) == sorted(2 * KERNELS)
    assert all(int(size) > 0 for _, size in lines)
