"""Beliefs about poses whose distribution is known: temperature, credible levels, equivalents."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from epropnp_6dof.bop import symmetry_transforms
from epropnp_6dof.evaluation.beliefs import credible_level, equivalent_poses, relative_spread
from epropnp_6dof.models import EPnPRefineSolver
from epropnp_6dof.models.structures import DenseMaps, PosePredictions
from sixdof_reference import synthetic_crops


@pytest.fixture(scope="module")
def scene():
    batch = synthetic_crops()
    torch.manual_seed(0)
    noc = batch.noc_gt + 0.05 * torch.randn_like(batch.noc_gt)
    size = noc.shape[-1]
    maps = DenseMaps(noc, torch.zeros(len(noc), 2, size, size), torch.full((len(noc), 2), 60.0))
    solver = EPnPRefineSolver(pnp=dict(mc_samples=512))
    return solver, maps, batch, solver(maps, batch).poses


def test_temperature_divides_the_cost(scene):
    solver, maps, batch, poses = scene
    moved = poses + torch.tensor([0.003, -0.002, 0.01, 0, 0, 0, 0])
    costs = [solver.distribution(maps, batch, poses, t).pose_cost.value(moved) for t in (1.0, 4.0)]
    torch.testing.assert_close(costs[1], costs[0] / 4, rtol=1e-4, atol=1e-5)


def test_levels_of_draws_from_the_distribution_itself_are_uniform(scene):
    solver, maps, batch, poses = scene
    torch.manual_seed(1)
    believed = solver.distribution(maps, batch, poses)
    torch.manual_seed(2)
    drawn = solver.distribution(maps, batch, poses).resample(200)
    levels = torch.stack([credible_level(believed, believed.log_prob(pose)) for pose in drawn])
    for probability in (0.25, 0.5, 0.75):
        share = (levels <= probability).float().mean()
        # 512 weighted samples per object stand for the density, on both sides
        assert share == pytest.approx(probability, abs=0.08)


def test_every_equivalent_pose_is_the_pose_after_a_symmetry():
    class Model:
        symmetries = symmetry_transforms(
            {"symmetries_discrete": [np.diag([-1.0, -1, 1, 1]).ravel().tolist()]}
        )

    class Plain:
        symmetries = symmetry_transforms({})

    poses = synthetic_crops().poses_gt[:2].double()
    found = equivalent_poses(poses, [Model, Plain])
    assert found.shape == (2, 2, 7)
    turn = Rotation.from_rotvec([0, 0, np.pi])
    given = Rotation.from_quat(np.roll(poses[0, 3:].numpy(), -1))
    other = Rotation.from_quat(np.roll(found[1, 0, 3:].numpy(), -1))
    assert (other.inv() * given * turn).magnitude() == pytest.approx(0, abs=1e-6)
    torch.testing.assert_close(found[1, 1].abs(), poses[1].abs())


def test_spread_is_the_displacement_of_points_at_half_a_diameter():
    """Monte Carlo: points on a sphere under random steps of the given variances."""
    variances = np.array([1e-6, 4e-6, 9e-6, 1e-5, 2e-5, 3e-5])
    predictions = PosePredictions(
        torch.zeros(1, 7), torch.diag(torch.tensor(variances))[None], torch.ones(1).bool()
    )
    rng = np.random.default_rng(0)
    steps = rng.standard_normal((20000, 6)) * np.sqrt(variances)
    points = rng.standard_normal((20000, 3))
    points *= 0.1 / np.linalg.norm(points, axis=1, keepdims=True)
    moved = steps[:, :3] + np.cross(2 * steps[:, 3:], points)
    expected = np.sqrt((moved**2).sum(axis=1).mean()) / 0.2
    assert relative_spread(predictions, np.array([0.2]))[0] == pytest.approx(expected, rel=0.02)
