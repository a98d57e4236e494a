"""A user's own parts of the layer in the 6DoF network, by a config that overrides one block."""

import math

import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine import Config
from torch import nn

import user_parts
from epropnp_6dof.models.structures import DenseMaps
from sixdof_reference import synthetic_crops

BASE = "configs/epropnp_6dof/epropnp-6dof-v2_r18_synthetic_demo.py"
AGAIN = dict(_delete_=True)
START = dict(type="MyStart", distance=1.0)
SWAPS = {
    "MySolver": dict(pnp=dict(solver=dict(AGAIN, type="MySolver", dof=6, init_solver=START))),
    "MyStart": dict(pnp=dict(solver=dict(init_solver=START))),
    "MySampler": dict(
        pnp=dict(sampler=dict(type="MySampler", proposals=dict(type="QuaternionProposals")))
    ),
    "MyQuaternionProposals": dict(pnp=dict(proposals=dict(type="MyQuaternionProposals"))),
    "MyCost": dict(cost_fun=dict(type="MyCost", delta=0.1)),
    "MyPoseLoss": dict(loss_mc=dict(type="MyPoseLoss")),
}


def model_of(repo_dir, folder, block):
    path = folder / "swapped.py"
    path.write_text(f"_base_ = {str(repo_dir / BASE)!r}\nmodel = {block!r}\n")
    return Config.fromfile(path).model


@pytest.mark.parametrize("name", SWAPS)
def test_swapped_part_trains(repo_dir, tmp_path, name):
    criterion = MODELS.build(model_of(repo_dir, tmp_path, dict(criterion=SWAPS[name])).criterion)
    batch = synthetic_crops()
    noc, scale = (
        nn.Parameter(batch.noc_gt.clone()),
        nn.Parameter(torch.full((len(batch.noc_gt), 2), 20.0)),
    )
    optimizer = torch.optim.SGD([noc, scale], lr=1e-3)
    user_parts.USED.clear()
    for _ in range(2):
        maps = DenseMaps(noc, torch.zeros_like(noc[:, :2]), scale)
        losses = criterion.train()(maps, batch)
        assert all(math.isfinite(float(value.detach())) for value in losses.values())
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
    assert name in user_parts.USED


@pytest.mark.parametrize("name", ["MySolver", "MyCost"])
def test_swapped_part_solves(repo_dir, tmp_path, name):
    solver = MODELS.build(model_of(repo_dir, tmp_path, dict(solver=SWAPS[name])).solver)
    batch = synthetic_crops()
    maps = DenseMaps(
        batch.noc_gt,
        torch.zeros_like(batch.noc_gt[:, :2]),
        torch.full((len(batch.noc_gt), 2), 20.0),
    )
    user_parts.USED.clear()
    assert solver(maps, batch).valid.all()
    assert name in user_parts.USED
