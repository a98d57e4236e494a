"""All rounds of the sampler in one kernel, against the same operations one after the other."""

import math
from dataclasses import replace

import pytest
import torch

from epropnp import AMIS, EagerBackend, TrustRegion
from epropnp.mixture import Mixture
from epropnp.proposals import QuaternionProposals, YawProposals
from pnp_scenes import clipped_cost

pytest.importorskip("numba", reason="the compiled backend needs numba")

from epropnp.backends.numba_cpu.backend import NumbaBackend

EAGER, COMPILED = EagerBackend(), NumbaBackend()
FAMILIES = {4: YawProposals, 6: QuaternionProposals}


def rounds(backend, cost, proposals, num_iter, num=30):
    """All rounds from one seed, and the state of its generator afterwards."""
    generator = torch.Generator().manual_seed(2)
    dof = cost.manifold.dof
    schedule = AMIS(num * num_iter, num_iter, FAMILIES[dof]())
    found = backend.weighted_poses(cost, proposals, schedule, generator)
    return found, generator.get_state()


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize("num_iter", [1, 4])
@pytest.mark.parametrize("components", [1, 2])
def test_rounds_of_a_seed(dof, num_iter, components):
    """Poses, costs and densities of every round, whichever of them a kernel takes together."""
    cost, pose = clipped_cost(dof, gravity=dof == 4)
    solution = EAGER.minimize(cost, pose, 5, TrustRegion())
    proposal = FAMILIES[dof]().around(solution.pose_opt, solution.covariance()[0])
    first = Mixture.single(proposal)
    if components == 2:
        first = first.joined(first)
        first = replace(first, log_shares=first.log_shares - math.log(2.0))
    expected, state = rounds(EAGER, cost, first, num_iter)
    found, same_state = rounds(COMPILED, cost, first, num_iter)
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-8)
    assert torch.equal(state, same_state)


@pytest.mark.parametrize("dof", [4, 6])
def test_rounds_of_a_bad_object_stay_its_own(dof):
    cost, pose = clipped_cost(dof, dtype=torch.float32)
    proposal = FAMILIES[dof]().around(pose, torch.eye(dof).expand(5, dof, dof) * 1e-2)
    clean, _ = rounds(COMPILED, cost, Mixture.single(proposal), 3)
    delta, weights = cost.kernel.delta.clone(), cost.weights.clone()
    delta[1], weights[2] = math.nan, math.inf
    cost = cost.with_leaves({"kernel.delta": delta, "weights": weights})
    proposal.translation.loc[3] = math.nan
    found, _ = rounds(COMPILED, cost, Mixture.single(proposal), 3)
    for ours, before in zip(found, clean, strict=True):
        assert torch.equal(ours[:, [0, 4]], before[:, [0, 4]])
    assert found.values[:, 1].isnan().all()
    assert not found.values[:, [2, 3]].isfinite().any()
    assert torch.equal(found.poses[:10, 1], clean.poses[:10, 1])
    assert found.poses[:, 1].isfinite().all()


@pytest.mark.parametrize("dof", [4, 6])
def test_rounds_of_no_objects(dof):
    cost, pose = clipped_cost(dof)
    cost = cost.with_leaves({name: leaf[:0] for name, leaf in cost.leaves().items()})
    proposal = FAMILIES[dof]().around(pose[:0], torch.zeros(0, dof, dof, dtype=pose.dtype))
    found, _ = rounds(COMPILED, cost, Mixture.single(proposal), 2)
    assert found.poses.shape == (60, 0, pose.shape[1])


@pytest.mark.parametrize("dof", [4, 6])
def test_rounds_do_not_depend_on_threads(dof):
    cost, pose = clipped_cost(dof, num=512, points=64, dtype=torch.float32)
    proposal = FAMILIES[dof]().around(pose, torch.eye(dof).expand(512, dof, dof) * 1e-2)
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append(rounds(COMPILED, cost, Mixture.single(proposal), 4)[0])
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))
