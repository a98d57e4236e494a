"""The GitHub workflow and the pre-commit hooks: valid, and the same commands as everywhere else."""

import os
import re

import yaml


def commands(repo_dir):
    """Targets of the Makefile that are documented, as commands."""
    makefile = (repo_dir / "Makefile").read_text()
    return {f"make {name}" for name in re.findall(r"^([a-z0-9-]+):.*## ", makefile, re.M)}


def test_the_workflow_runs_what_ci_runs(repo_dir):
    (path,) = (repo_dir / ".github/workflows").glob("*.yml")
    workflow = yaml.safe_load(path.read_text())
    assert set(workflow) == {"name", True, "jobs"}  # YAML 1.1 reads the key "on" as true
    (job,) = workflow["jobs"].values()
    runs = [step["run"] for step in job["steps"] if "run" in step]
    assert runs == [".ci/run"]
    for step in job["steps"]:
        assert len({"run", "uses"} & set(step)) == 1
    assert os.access(repo_dir / ".ci/run", os.X_OK)
    keys = [step["with"]["key"] for step in job["steps"] if "cache" in step.get("uses", "")]
    for name in re.findall(r"'([^']+)'", keys[0]):
        assert (repo_dir / name).is_file(), name


def test_ci_is_the_test_command_of_the_readme(repo_dir):
    script = (repo_dir / ".ci/run").read_text()
    assert re.findall(r"^make ([a-z-]+)", script, re.M) == ["test"]
    assert "make test" in (repo_dir / "README.md").read_text()


def test_hooks_are_commands_of_the_makefile(repo_dir):
    config = yaml.safe_load((repo_dir / ".pre-commit-config.yaml").read_text())
    (local,) = config["repos"]
    assert local["repo"] == "local"
    entries = [hook["entry"] for hook in local["hooks"]]
    assert entries == ["make lint", "make test-fast"]
    assert set(entries) <= commands(repo_dir)
    for hook in local["hooks"]:
        assert hook["language"] == "system"
        assert not hook["pass_filenames"]
