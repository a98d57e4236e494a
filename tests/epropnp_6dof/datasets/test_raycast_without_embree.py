"""Without Embree the ray casters say so: one is slow, the other cannot work."""

import subprocess
import sys

import numpy as np
import pytest
import trimesh

from epropnp_6dof.datasets.raycast import MeshRaycaster


def test_slow_rays_are_announced(monkeypatch):
    box = trimesh.creation.box()
    monkeypatch.setattr(trimesh.ray, "has_embree", False)
    with pytest.warns(UserWarning, match="pip install 'embreex"):
        MeshRaycaster(np.asarray(box.vertices), np.asarray(box.faces))


def test_generators_name_the_package(repo_dir):
    code = (
        "import sys; sys.modules['embreex'] = None; sys.path.insert(0, 'projects/EProPnPDet')\n"
        "import epropnp_data.raycast"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repo_dir, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "rays are cast by Embree: pip install 'embreex" in done.stderr
