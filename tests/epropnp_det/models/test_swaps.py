"""docs/swap_heads.md: each stage and part of the layer, by a config that overrides one block."""

import math

import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine import Config

import user_parts
from det_training import IMG_SHAPE, TWO_CARS, data_sample

BASE = "configs/epropnp_det/epropnp-det-v2_r18-fpn_demo_synthetic.py"
AGAIN = dict(_delete_=True)
SWAPS = {
    "MyFCOSEmbHead": dict(detector=dict(type="MyFCOSEmbHead")),
    "MyDenseFeatures": dict(dense_features=dict(type="MyDenseFeatures")),
    "MyObjectQuery": dict(object_query=dict(type="MyObjectQuery")),
    "MyDeformableAttentionSampler": dict(
        attention_sampler=dict(type="MyDeformableAttentionSampler")
    ),
    "MyAnalyticImagePoints": dict(
        attention_sampler=dict(image_points=dict(type="MyAnalyticImagePoints"))
    ),
    "MyObjectBranches": dict(object_branches=dict(type="MyObjectBranches")),
    "MyMultiClassLogDimCoder": dict(dim_coder=dict(type="MyMultiClassLogDimCoder")),
    "MyCorrespondenceHead": dict(correspondence_head=dict(type="MyCorrespondenceHead")),
    "MyPoseSolver": dict(pose_solver=dict(type="MyPoseSolver")),
    "MyDetectionCriterion": dict(criterion=dict(type="MyDetectionCriterion")),
    "MyVolumeCenter": dict(criterion=dict(center_target=dict(type="MyVolumeCenter"))),
    "MyCenterAssigner": dict(criterion=dict(assigner=dict(type="MyCenterAssigner"))),
    "MyCenternessSampler": dict(criterion=dict(object_sampler=dict(type="MyCenternessSampler"))),
    "MyProposalLoss": dict(criterion=dict(proposal_loss=dict(type="MyProposalLoss"))),
    "MyObjectLoss": dict(criterion=dict(object_loss=dict(type="MyObjectLoss"))),
    "MyAuxiliaryLosses": dict(criterion=dict(auxiliary=dict(type="MyAuxiliaryLosses"))),
    "MySolver": dict(
        pose_solver=dict(
            pnp=dict(
                solver=dict(
                    AGAIN,
                    type="MySolver",
                    dof=4,
                    normalize=True,
                    init_solver=dict(type="RSLMSolver"),
                )
            ),
            test_pnp=dict(AGAIN, mc_samples=128),
        )
    ),
    "MyStart": dict(
        pose_solver=dict(
            pnp=dict(solver=dict(init_solver=dict(AGAIN, type="MyStart", distance=10.0)))
        )
    ),
    "MySampler": dict(
        pose_solver=dict(
            pnp=dict(sampler=dict(type="MySampler", proposals=dict(type="YawProposals")))
        )
    ),
    "MyYawProposals": dict(pose_solver=dict(pnp=dict(proposals=dict(type="MyYawProposals")))),
    "MyCost": dict(pose_solver=dict(cost_fun=dict(AGAIN, type="MyCost", delta=3.0))),
    "MyPerspectiveCamera": dict(pose_solver=dict(camera=dict(type="MyPerspectiveCamera"))),
    "MyPoseLoss": dict(criterion=dict(object_loss=dict(loss_pose=dict(AGAIN, type="MyPoseLoss")))),
}


def detector_of(repo_dir, folder, override):
    """The small detector of a config file that inherits the demo's and overrides one block."""
    path = folder / "swapped.py"
    path.write_text(f"_base_ = {str(repo_dir / BASE)!r}\nmodel = dict(bbox_head={override!r})\n")
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(path).model)
    return model.train()


@pytest.mark.parametrize("name", SWAPS)
def test_swapped_part_trains(repo_dir, tmp_path, name):
    model = detector_of(repo_dir, tmp_path, SWAPS[name])
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
    user_parts.USED.clear()
    for _ in range(2):
        losses = model.loss(dict(imgs=torch.randn(1, 3, *IMG_SHAPE)), [data_sample(TWO_CARS)])
        total, logs = model.parse_losses(losses)
        assert all(math.isfinite(value) for value in logs.values())
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    assert name in user_parts.USED


def test_a_part_that_is_not_registered_is_named(repo_dir, tmp_path):
    with pytest.raises(KeyError, match="NoSuchSolver"):
        detector_of(
            repo_dir,
            tmp_path,
            dict(pose_solver=dict(pnp=dict(solver=dict(AGAIN, type="NoSuchSolver")))),
        )


def test_entries_for_the_former_solver_are_named(repo_dir, tmp_path):
    solver = dict(
        AGAIN, type="MySolver", dof=4, normalize=True, init_solver=dict(type="RSLMSolver")
    )
    with pytest.raises(TypeError, match="pose_solver.test_pnp .*num_iter"):
        detector_of(repo_dir, tmp_path, dict(pose_solver=dict(pnp=dict(solver=solver))))


def documented_override(repo_dir):
    """The override of the head in docs/swap_heads.md that names a user's solver."""
    blocks = (repo_dir / "docs/swap_heads.md").read_text().split("```python\n")[1:]
    (block,) = [b.split("```")[0] for b in blocks if b.startswith("model =") and "MySolver" in b]
    names: dict = {}
    exec(block, names)
    return names["model"]["bbox_head"]


def test_the_documented_solver_builds_and_may_not_contradict_the_layer(repo_dir, tmp_path):
    override = documented_override(repo_dir)
    layer = detector_of(repo_dir, tmp_path, override).bbox_head.pose_solver.pnp
    assert isinstance(layer.solver, user_parts.MySolver)
    override["pose_solver"]["pnp"]["solver"].pop("normalize")
    with pytest.raises(ValueError, match="contradicts"):
        detector_of(repo_dir, tmp_path, override)
    override["pose_solver"]["pnp"]["normalize"] = False
    detector_of(repo_dir, tmp_path, override)
