"""Found poses as results files: densities, correspondences, what was seen.

The format is described in ``docs/results_folder.md``.
"""

from itertools import groupby
from pathlib import Path

import cv2
import numpy as np
from torch import nn

from epropnp_data.images.reading import read_image
from epropnp_mm.pose_summary import POSE, Corrections, PoseSummary, summarize
from epropnp_results import ImageResult, ObjectResult, ResultsFolder, TruthBox
from epropnp_results.analysis import Calibration
from epropnp_results.pictures import (
    coordinate_picture,
    draw_contour,
    draw_model,
    orientation_picture,
    weight_picture,
)
from epropnp_results.pictures.palette import FOUND

from .bop.models import ObjectModel
from .datasets.coordinate_cache import CoordinateCache
from .datasets.transforms.packing import pose_vector
from .inference import ObjectPose
from .models.correspondences import gather_correspondences
from .models.rotations import quaternion_to_matrix
from .models.structures import DenseMaps

NUM_POINTS = 256  # the strongest of each object are kept
CROP_MARGIN = 0.15  # of the box, on each side
PANEL_SIDE = 128
QUANTITY = "pose"  # of a calibration: what its temperature is of
HALF_PIXEL = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])  # from BOP's pixels to the records'


def write_explained(
    results: ResultsFolder,
    found: list[ObjectPose],
    solver: nn.Module,
    models: dict[int, ObjectModel],
    truth: dict[str, list[TruthBox]] | None = None,
    meshes: CoordinateCache | None = None,
    calibration: Calibration | None = None,
) -> None:
    """Write one record per image; objects without a pose are left out.

    Args:
        results: folder to write into.
        found: poses, the objects of an image next to each other or not.
        solver: of the network; without a density (RANSAC) records hold poses only.
        models: by object id.
        truth: annotated objects by path of the image.
        meshes: of the models, for pictures of them in the poses found.
        calibration: see `explain_image`.
    """

    def key(item: ObjectPose) -> str:
        return str(item.target.image_path)

    for path, group in groupby(sorted(found, key=key), key):
        asked = list(group)
        image, cam_mat = read_image(path), asked[0].target.cam_mat
        objects = [item for item in asked if item.valid]
        record, arrays = explain_image(
            image, path, cam_mat, objects, solver, models, meshes, calibration
        )
        if truth is not None:
            record = ImageResult(**{**vars(record), "truth": truth.get(path, [])})
        results.write(record, arrays)


def explain_image(
    image: np.ndarray,
    path: str,
    cam_mat: np.ndarray,
    objects: list[ObjectPose],
    solver: nn.Module | None,
    models: dict[int, ObjectModel],
    meshes: CoordinateCache | None = None,
    calibration: Calibration | None = None,
) -> tuple[ImageResult, dict[str, np.ndarray]]:
    """Record and arrays of one image with the poses found in it.

    Args:
        image: (h, w, 3) BGR.
        path: of its file.
        cam_mat: (3, 3) intrinsics, the first pixel's centre is 0.
        objects: poses found.
        solver: of the network; None or one without a density (RANSAC) gives poses and maps only.
        models: by object id.
        meshes: of the models, for pictures of them in the poses found.
        calibration: fitted on held-out results; for densities, intervals and trust.
    """
    explained = [_explain(image, item, solver, calibration) for item in objects]
    if meshes is not None and all(meshes.has_mesh(item.target.obj_id) for item in objects):
        for item, (_, arrays) in zip(objects, explained, strict=True):
            model = models[item.target.obj_id]
            arrays["panel_model"] = _model_panel(image, item, model, meshes)[None]
    names = explained[0][1] if explained else []
    arrays = {name: np.concatenate([own[name] for _, own in explained]) for name in names}
    return ImageResult(
        name=path,
        image=str(Path(path).resolve()),
        width=image.shape[1],
        height=image.shape[0],
        intrinsics=(cam_mat + HALF_PIXEL).tolist(),
        objects=[
            _record(item, models[item.target.obj_id], summary)
            for item, (summary, _) in zip(objects, explained, strict=True)
        ],
    ), arrays


def truth_box(obj_id: int, pose: tuple[np.ndarray, np.ndarray], model: ObjectModel) -> TruthBox:
    """Annotated object of a rotation (3, 3) and translation (3,)."""
    return TruthBox(
        label=label_of(obj_id),
        translation=pose[1].tolist(),
        rotation=pose[0].tolist(),
        size=model.size.tolist(),
        box_center=(model.corner_min + 0.5 * model.size).tolist(),
    )


def label_of(obj_id: int) -> str:
    """Class name of an object."""
    return f"object {obj_id}"


def _record(item: ObjectPose, model: ObjectModel, summary: PoseSummary | None) -> ObjectResult:
    x, y, w, h = item.target.box
    return ObjectResult(
        label=label_of(item.target.obj_id),
        score=item.target.score,
        translation=item.pose.translation.tolist(),
        rotation=item.pose.rotation.tolist(),
        size=model.size.tolist(),
        box_center=(model.corner_min + 0.5 * model.size).tolist(),
        bbox=[x, y, x + w, y + h],
        covariance=None if item.covariance is None else item.covariance.tolist(),
        intervals=[] if summary is None else summary.intervals[0],
        trust={} if summary is None else summary.trust[0],
    )


def _explain(
    image: np.ndarray,
    item: ObjectPose,
    solver: nn.Module | None,
    calibration: Calibration | None,
) -> tuple[PoseSummary | None, dict[str, np.ndarray]]:
    panels = dict(
        panel_crop=_crop(image, item.target.box),
        panel_coordinates=coordinate_picture(item.maps.noc.numpy(), PANEL_SIDE),
        panel_weights=weight_picture(item.maps.weight_logits.numpy(), PANEL_SIDE),
    )
    if not hasattr(solver, "distribution"):
        return None, {name: picture[None] for name, picture in panels.items()}
    maps = DenseMaps(*(field[None] for field in item.maps))
    pose = pose_vector(*item.pose)[None]
    distribution = shown = solver.distribution(maps, item.crop, pose)
    corrections = None
    if calibration is not None:
        temperature = calibration.temperature(QUANTITY, label_of(item.target.obj_id))
        shown = solver.distribution(maps, item.crop, pose, temperature)
        place = pose.new_tensor([temperature])
        corrections = Corrections(place, place, {}, calibration.margins or None)
    rotations = quaternion_to_matrix(shown.pose_samples[:, 0, 3:]).numpy()
    panels["panel_orientation"] = orientation_picture(
        rotations, shown.pose_sample_weights[:, 0].numpy()
    )
    points = gather_correspondences(maps, item.crop, solver.weighting)
    strong = points.w2d.norm(dim=-1).topk(min(NUM_POINTS, points.w2d.shape[1]), dim=1).indices
    x3d, x2d, w2d = (
        field.gather(1, strong[..., None].expand(-1, -1, field.shape[-1])) for field in points
    )
    explaining = (x3d, x2d + 0.5, w2d)
    summary = summarize(
        distribution, pose, explaining, POSE, corrections=corrections, tempered=shown
    )
    return summary, {**summary.arrays, **{name: p[None] for name, p in panels.items()}}


def _model_panel(
    image: np.ndarray, item: ObjectPose, model: ObjectModel, meshes: CoordinateCache
) -> np.ndarray:
    """The object's crop with its model in the pose found and the outline of it."""
    shape, target = image.shape[:2], item.target
    rendered = meshes.get("", target.obj_id, item.pose, target.cam_mat, shape)
    coords, mask = rendered.paste(shape)
    picture = draw_model(image, coords, mask, model.corner_min, model.size)
    return _crop(draw_contour(picture, mask, FOUND), target.box)


def _crop(image: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    """The object's box and a margin, (PANEL_SIDE, PANEL_SIDE, 3)."""
    x, y, w, h = box
    side = max(w, h) * (1 + 2 * CROP_MARGIN)
    scale = PANEL_SIDE / max(side, 1.0)
    motion = np.array(
        [
            [scale, 0, PANEL_SIDE / 2 - scale * (x + w / 2)],
            [0, scale, PANEL_SIDE / 2 - scale * (y + h / 2)],
        ]
    )
    return cv2.warpAffine(image, motion, (PANEL_SIDE, PANEL_SIDE), flags=cv2.INTER_LINEAR)
