"""Settings of inference (the head's ``test_cfg``)."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ..published_names import refuse_test_cfg


@dataclass(frozen=True)
class InferenceSettings:
    """How objects are selected, solved and filtered.

    The defaults are the recommended behaviour. Options marked (published) reproduce the published
    code, whose defects they name; the configs for published weights set them.

    Attributes:
        max_obj_per_img: candidates per image.
        min_fcos_score: smallest product of class and centerness probability of a candidate.
        pool_batch: (published) share the candidates of the batch, so that an image may take those
            of another and results depend on the batch.
        fast_mode: (published) solve by undamped Gauss-Newton, which keeps derivatives of clipped
            points and may end above its start; by default Levenberg-Marquardt.
        mc_scoring_ratio: share of the Monte Carlo score in the localisation score.
        with_pose_cov: return pose covariances.
        near_plane: "clip", or (published) "published" 2D boxes of objects that reach behind the
            camera.
        min_box_size: smallest width and height of a detection in the image, original pixels.
        nms_iou_2d: largest overlap in the image of two detections of one class.
        nms_iou_bev: largest overlap from above of two detections of one class.
        drop_lone_box: (published) lose a detection that is the only one of its batch.
        tta_mirror: "resample" flipped maps onto the grid of the others, or (published) "reverse"
            their columns, which is off by half a cell where a level's width is no multiple of its
            stride.
        seed: of the random starts and samples of every batch, so that inference is repeatable;
            None draws from torch's own generator.
    """

    max_obj_per_img: int = 256
    min_fcos_score: float = 0.04
    pool_batch: bool = False
    fast_mode: bool = False
    mc_scoring_ratio: float = 0.0
    with_pose_cov: bool = False
    near_plane: str = "clip"
    min_box_size: float = 4.0
    nms_iou_2d: float = 0.8
    nms_iou_bev: float = 0.25
    drop_lone_box: bool = False
    tta_mirror: str = "resample"
    seed: int | None = 0

    @classmethod
    def from_config(cls, test_cfg: Mapping[str, Any]) -> "InferenceSettings":
        """Settings of a config.

        Raises:
            ValueError: an unknown name, or a value that is none of the choices.
        """
        refuse_test_cfg(test_cfg, [field.name for field in fields(cls)])
        return cls(**test_cfg)

    def __post_init__(self) -> None:
        _check_choice("near_plane", self.near_plane, ("clip", "published"))
        _check_choice("tta_mirror", self.tta_mirror, ("resample", "reverse"))


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"test_cfg.{name} must be one of {choices}, got {value!r}")
