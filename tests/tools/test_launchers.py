"""The scripts for several processes, machines and Slurm launch what they say."""

import os
import shlex
import subprocess

import pytest


def dry_run(repo_dir, *words, **env):
    """Words of the command that a script would run."""
    result = subprocess.run(
        [repo_dir / words[0], *words[1:]],
        env=dict(os.environ, DRY_RUN="1", PYTHON="py", **env),
        capture_output=True,
        text=True,
        check=True,
    )
    return shlex.split(result.stdout)


@pytest.mark.parametrize("kind", ["train", "test"])
def test_several_machines(repo_dir, kind):
    files = ["my config.py"] + ["a.pth"] * (kind == "test")
    where = dict(NNODES="2", NODE_RANK="1", MASTER_ADDR="first", PORT="29512")
    words = dry_run(repo_dir, f"tools/dist_{kind}.sh", *files, "4", "--cfg-options", "a=1", **where)
    assert words == [
        *("py", "-m", "torch.distributed.run", "--nnodes=2", "--node_rank=1"),
        *("--master_addr=first", "--master_port=29512", "--nproc_per_node=4"),
        *(f"{repo_dir}/tools/{kind}.py", *files, "--launcher", "pytorch", "--cfg-options", "a=1"),
    ]


@pytest.mark.parametrize(("gpus", "per_node"), [("16", "8"), ("2", "2")])
def test_slurm(repo_dir, gpus, per_node):
    script = ["tools/slurm_train.sh", "part", "job", "c.py", "work dir", "--resume"]
    words = dry_run(repo_dir, *script, GPUS=gpus, SRUN_ARGS="--exclusive --mem=9G")
    assert words == [
        *("srun", "--partition=part", "--job-name=job", f"--gres=gpu:{per_node}"),
        *(f"--ntasks={gpus}", f"--ntasks-per-node={per_node}", "--cpus-per-task=5"),
        *("--kill-on-bad-exit=1", "--exclusive", "--mem=9G", "py", "-u"),
        *(f"{repo_dir}/tools/train.py", "c.py", "--work-dir", "work dir"),
        *("--launcher", "slurm", "--resume"),
    ]


def test_slurm_tests_a_checkpoint(repo_dir):
    words = dry_run(repo_dir, "tools/slurm_test.sh", "part", "job", "c.py", "a.pth", "--tta")
    assert words[-5:] == ["c.py", "a.pth", "--launcher", "slurm", "--tta"]


@pytest.mark.parametrize("script", ["dist_train", "dist_test", "slurm_train", "slurm_test"])
def test_usage_without_arguments(repo_dir, script):
    result = subprocess.run([repo_dir / f"tools/{script}.sh"], capture_output=True, text=True)
    assert result.returncode == 2
    assert f"tools/{script}.sh" in result.stdout
    assert "DRY_RUN=1" in result.stdout
