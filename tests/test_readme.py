"""The README's code runs as it stands."""

import re

import torch


def test_snippet_runs(repo_dir, monkeypatch):
    monkeypatch.setenv("EPROPNP_BACKEND", "eager")  # nothing to compile: seconds
    (code,) = re.findall(r"```python\n(.*?)```", (repo_dir / "README.md").read_text(), re.DOTALL)
    torch.manual_seed(0)
    names = {}
    exec(compile(code, "README.md", "exec"), names)
    result, pose_gt = names["result"], names["pose_gt"]
    # 64 points of a metre at 5 metres, one pixel of noise: 1 cm sideways, 10 cm in depth
    assert (result.pose_opt - pose_gt)[:, :2].abs().max() < 0.02
    assert (result.pose_opt - pose_gt)[:, 2].abs().max() < 0.2
    assert names["x3d"].grad.abs().sum(-1).gt(0).all()
    assert names["scale"].grad.isfinite().all()
