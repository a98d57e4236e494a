"""The wheel: what it requires, what it holds, and that it works where nothing else of us is."""

import email
import os
import shutil
import subprocess
import sys
import zipfile

import pytest

pytestmark = pytest.mark.slow
SOURCES = ("projects", "configs", "tools", "requirements")
FILES = ("setup.py", "pyproject.toml", "README.md", "LICENSE", "model-index.yml")


@pytest.fixture(scope="module")
def wheel(repo_dir, tmp_path_factory):
    """Wheel of a copy of the checkout, so that no build folder is left in it."""
    folder = tmp_path_factory.mktemp("packaging")
    copy = folder / "copy"
    ignored = shutil.ignore_patterns("__pycache__", ".mim", "*.egg-info")
    for name in SOURCES:
        shutil.copytree(repo_dir / name, copy / name, ignore=ignored)
    for name in FILES:
        shutil.copy(repo_dir / name, copy)
    options = ["--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "wheel", *options, "-w", folder / "dist", copy]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (path,) = (folder / "dist").glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel):
    """Folder with the wheel installed and nothing of the checkout."""
    target = wheel.parent / "site"
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-compile", "--target"]
    subprocess.run([*command, target, wheel], check=True, capture_output=True)
    return target


def run(installed, code):
    """Run code that finds the installed packages before all others; returns what it prints."""
    env = dict(os.environ, PYTHONPATH=str(installed))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=installed.parent, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


def test_requirements_of_the_wheel(wheel):
    assert wheel.name.startswith("epropnp-")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        metadata = email.message_from_string(archive.read(name).decode())
    required = metadata.get_all("Requires-Dist")
    bare = {line.split(">")[0] for line in required if "extra ==" not in line}
    assert bare == {"torch", "numpy"}
    extras = set(metadata.get_all("Provides-Extra"))
    assert extras == {"det", "sixdof", "synth", "viz", "fast", "gpu", "docs", "bench", "test"}
    assert not [line for line in required if line.startswith("mmcv")], "pip would build it wrongly"
    assert "EPro-PnP for MMDetection3D" in metadata.get_payload()


def test_every_module_is_in_the_wheel(wheel, repo_dir):
    source = repo_dir / "projects/EProPnPDet"
    modules = {path.relative_to(source).as_posix() for path in source.glob("*/**/*.py")}
    with zipfile.ZipFile(wheel) as archive:
        missing = {name for name in modules if ".mim" not in name} - set(archive.namelist())
    assert not missing


def test_the_layer_needs_torch_and_numpy_alone(installed):
    code = (
        "import sys; blocked = ('mmcv', 'mmengine', 'mmdet', 'mmdet3d', 'cv2', 'scipy', 'numba')\n"
        "sys.modules.update(dict.fromkeys(blocked))\n"
        "import epropnp; epropnp.EProPnP6DoF(); print(epropnp.__file__)"
    )
    assert run(installed, code).startswith(str(installed))


def test_configs_are_found_in_the_wheel(installed):
    code = (
        "from epropnp_mm.configs import config_dir, get_config\n"
        "cfg = get_config('epropnp_6dof/epropnp-6dof-v2_r34_lm_no-model.py')\n"
        "print(config_dir(), cfg.model.type)"
    )
    folder, model = run(installed, code).split()
    assert folder == str(installed / "epropnp/.mim/configs")
    assert model == "DensePoseEstimator"


def test_tools_and_model_index_lie_where_mim_looks(installed):
    top = installed / "epropnp" / ".mim"
    assert (top / "model-index.yml").is_file()
    assert (top / "tools/epropnp_tools/cli.py").is_file()
    assert not list(top.rglob("__pycache__"))
    env = dict(os.environ, PYTHONPATH=str(installed))
    command = [sys.executable, top / "tools/train.py", "--help"]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "--resume" in done.stdout
