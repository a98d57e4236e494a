"""Exported programs give the numbers of the layer, for any number of objects."""

import shutil

import pytest
import torch

from epropnp import AdaptiveHuberPnPCost, EagerBackend, LinearStart, LMSolver
from epropnp.export import PoseProgram, export_poses
from pnp_scenes import IMAGE_SHAPE, scene

POINTS = 8


def inputs(dof, num):
    data = scene(dof, num, POINTS, noise=2.0, dtype=torch.float32)
    img_shape = torch.tensor(IMAGE_SHAPE, dtype=torch.float32).expand(num, 2)
    return data.x3d, data.x2d, data.w2d, data.camera.cam_mats, img_shape


@pytest.mark.skipif(
    not hasattr(torch.compiler, "is_exporting"), reason="export of any number takes torch >= 2.7"
)
@pytest.mark.slow
@pytest.mark.parametrize("dof", [4, 6])
def test_an_exported_solve_is_the_solve(dof):
    """The same operations of the same library in the same order: not a bit differs."""
    solver = LMSolver(
        dof, 1, init_solver=LinearStart(num_iter=1), normalize=True, backend=EagerBackend()
    )
    program = PoseProgram(solver, AdaptiveHuberPnPCost())
    exported = export_poses(program, POINTS, max_objects=50).module()
    for num in (1, 2, 7, 50):
        expected = program(*inputs(dof, num))
        for ours, theirs in zip(exported(*inputs(dof, num)), expected, strict=True):
            assert torch.equal(ours, theirs)
    assert expected[-1].all()
    with pytest.raises(AssertionError, match="50"):
        exported(*inputs(dof, 51))


@pytest.mark.skipif(
    not hasattr(torch.compiler, "is_exporting"), reason="export of any number takes torch >= 2.7"
)
@pytest.mark.skipif(shutil.which("g++") is None, reason="compiling needs g++")
@pytest.mark.slow
def test_a_compiled_library_gives_the_same_poses(tmp_path):
    """Its fused arithmetic rounds otherwise: by much less than the poses are known to."""
    solver = LMSolver(4, 1, init_solver=LinearStart(num_iter=2), normalize=True)
    program = PoseProgram(solver, AdaptiveHuberPnPCost())
    exported = export_poses(program, POINTS, max_objects=50)
    package = torch._inductor.aoti_compile_and_package(
        exported, package_path=str(tmp_path / "pose.pt2")
    )
    library = torch._inductor.aoti_load_package(package)
    for num in (1, 7, 50):
        contiguous = [tensor.contiguous() for tensor in inputs(4, num)]  # all that a library reads
        pose, covariance, cost, valid = program(*contiguous)
        found, found_covariance, found_cost, found_valid = library(*contiguous)
        assert torch.equal(found_valid, valid)
        assert valid.any()
        deviation = covariance.diagonal(dim1=-2, dim2=-1).sqrt()
        assert ((found - pose).abs() < 0.02 * deviation)[valid].all()
        torch.testing.assert_close(found_cost[valid], cost[valid], rtol=2e-3, atol=1e-3)
        torch.testing.assert_close(found_covariance[valid], covariance[valid], rtol=2e-2, atol=1e-6)
