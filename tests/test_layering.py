"""Dependencies point one way, in the packages and in the configs.

``epropnp`` <- ``epropnp_mm`` <- ``epropnp_det``, ``epropnp_6dof``; ``epropnp_data`` <- all but
``epropnp``; ``epropnp_results`` <- the networks. The two networks do not know each other.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = Path(__file__).resolve().parents[1] / "projects" / "EProPnPDet"
MM = {"mmengine", "mmcv", "mmdet", "mmdet3d"}
NETWORKS = {"epropnp_mm", "epropnp_det", "epropnp_6dof"}
OURS = NETWORKS | {"epropnp", "epropnp_data", "epropnp_results", "epropnp_synth"}
TORCH = {"torch", "torchvision"}
FORBIDDEN = {
    "epropnp": MM | OURS - {"epropnp"} | {"scipy", "cv2", "nuscenes", "trimesh", "torchvision"},
    "epropnp_data": MM | OURS - {"epropnp_data"} | TORCH,
    "epropnp_results": MM | OURS - {"epropnp_results", "epropnp_data"} | TORCH,
    "epropnp_synth": MM | OURS - {"epropnp_synth", "epropnp_data"} | TORCH,
    "epropnp_mm": OURS - {"epropnp", "epropnp_data", "epropnp_results", "epropnp_mm"},
    "epropnp_det": {"epropnp_6dof", "epropnp_synth"},
    "epropnp_6dof": {"epropnp_det", "epropnp_synth"},
}
COMPILED = (  # loaded where their compilers are installed only
    "epropnp.backends.numba_cpu",
    "epropnp.backends.triton_gpu",
)
CONFIGS = PACKAGES.parents[1] / "configs"


def imported_roots(path: Path) -> set[str]:
    """Top-level packages that a file imports anywhere, inside functions too."""
    roots = set()
    for node in ast.walk(ast.parse(path.read_text(), filename=str(path))):
        if isinstance(node, ast.Import):
            roots |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            roots.add(node.module.split(".")[0])
    return roots


@pytest.mark.parametrize("package", sorted(FORBIDDEN))
def test_package_imports_only_what_it_may(package):
    files = sorted((PACKAGES / package).rglob("*.py"))
    assert files
    wrong = {
        str(path.relative_to(PACKAGES)): sorted(imported_roots(path) & FORBIDDEN[package])
        for path in files
        if imported_roots(path) & FORBIDDEN[package]
    }
    assert not wrong


def import_without(package: str, blocked: set[str]) -> subprocess.CompletedProcess:
    """Import a package and all its modules in an interpreter that lacks other packages."""
    code = f"""
import importlib, pkgutil, sys
for name in {sorted(blocked)!r}:
    sys.modules[name] = None
package = importlib.import_module({package!r})
for module in pkgutil.walk_packages(package.__path__, {package + "."!r}):
    if not module.name.startswith({COMPILED!r}):
        importlib.import_module(module.name)
"""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


@pytest.mark.parametrize(
    ("package", "blocked"),
    [
        ("epropnp", MM | {"scipy", "cv2", "PIL", "nuscenes", "trimesh", "numba", "triton"}),
        ("epropnp_data", MM | {"torch", "nuscenes"}),
        ("epropnp_results", MM | {"torch", "nuscenes", "scipy"}),
        ("epropnp_synth", MM | {"torch", "nuscenes"}),
    ],
)
def test_package_imports_where_others_are_absent(package, blocked):
    result = import_without(package, blocked)
    assert result.returncode == 0, result.stderr


def test_blocking_a_package_is_noticed():
    """The oracle of the test above: a package that needs mmengine fails under it."""
    result = import_without("epropnp_det", {"mmengine"})
    assert result.returncode != 0
    assert "mmengine" in result.stderr


def config_imports(path: Path) -> set[str]:
    """Packages that a config registers, by itself or by what it inherits."""
    found, bases = set(), []
    for node in ast.parse(path.read_text(), filename=str(path)).body:
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            continue
        name = node.targets[0].id
        strings = [n.value for n in ast.walk(node.value) if isinstance(n, ast.Constant)]
        if name == "_base_":
            bases = [text for text in strings if "::" not in text]
        elif name == "custom_imports":
            found = {text.split(".")[0] for text in strings if isinstance(text, str)}
    inherited = [config_imports((path.parent / base).resolve()) for base in bases]
    return found or set().union(*inherited)


@pytest.mark.parametrize(
    ("family", "own"), [("epropnp_det", {"epropnp_det"}), ("epropnp_6dof", {"epropnp_6dof"})]
)
def test_config_registers_its_own_package_only(family, own):
    configs = sorted((CONFIGS / family).rglob("*.py"))
    assert configs
    assert {path.name: config_imports(path) for path in configs} == {
        path.name: own for path in configs
    }


@pytest.mark.slow
def test_6dof_network_does_not_load_the_detector():
    code = "import sys, epropnp_6dof; sys.exit('epropnp_det' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
