"""The detectors that are compared, and an image for them."""

from pathlib import Path

import cv2
import numpy as np
import torch
from mmdet3d.registry import MODELS, TRANSFORMS
from mmdet3d.structures import get_box_type
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("epropnp", "fcos3d", "pgd")
SMALL = [ROOT / f"configs/studies/detectors/{name}_r18-fpn.py" for name in NAMES]
DEMO_IMAGE = (252, 448)  # height, width
FULL_IMAGE = (900, 1600)


def build(cfg: Config, checkpoint: str | None, device: torch.device) -> nn.Module:
    """Detector in evaluation mode, with the weights of a checkpoint or with seeded random ones.

    Random weights find nothing, so without a checkpoint scores do not matter: each detector works
    on as many objects as its config allows.
    """
    init_default_scope(cfg.get("default_scope", "mmdet3d"))
    cfg.model.backbone.init_cfg = None
    if checkpoint is None:
        test_cfg = cfg.model.test_cfg
        test_cfg["min_fcos_score" if cfg.model.type == "EProPnPDet" else "score_thr"] = 0.0
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    if checkpoint is not None:
        load_checkpoint(model, checkpoint, map_location="cpu", strict=True)
    return model.to(device).eval()


def write_image(folder: Path, size: tuple[int, int]) -> Path:
    """A JPEG of a photograph's spectrum and file size: smooth noise, (height, width) pixels."""
    rng = np.random.default_rng(0)
    image = np.zeros((*size, 3))
    for cells in (4, 16, 64):
        rough = rng.uniform(0, 1, (cells, cells, 3))
        image += cv2.resize(rough, size[::-1], interpolation=cv2.INTER_CUBIC) / cells**0.5
    image = 255 * (image - image.min()) / (image.max() - image.min())
    path = folder / "image.jpg"
    cv2.imwrite(str(path), image.astype(np.uint8))
    return path


def make_loader(cfg: Config, image: Path):
    """Function that reads an image as the config's test does: an item for a batch."""
    box_type, box_mode = get_box_type("Camera")
    height, width = cv2.imread(str(image)).shape[:2]
    focal = 0.79 * width  # of the front camera of nuScenes
    cam2img = [[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]]
    pipeline = Compose(
        [TRANSFORMS.build(dict(step)) for step in cfg.test_dataloader.dataset.pipeline]
    )

    def load() -> dict:
        return pipeline(
            dict(img_path=str(image), cam2img=cam2img, box_type_3d=box_type, box_mode_3d=box_mode)
        )

    return load
