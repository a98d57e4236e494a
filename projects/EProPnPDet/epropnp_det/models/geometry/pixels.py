"""Image geometry of a batch: metainfos to tensors, points between augmented and original pixels."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from torch import Tensor

from ..structures import BatchGeometry

GROUND_KEY = "camera_to_ground"


def batch_geometry(
    metainfos: Sequence[dict],
    pad_shape: tuple[int, int],
    device: torch.device | str,
    principal_point_shift: float = 0.0,
) -> BatchGeometry:
    """Collect the geometry of a batch from the metainfos of its data samples.

    ``cam_intrinsic`` and ``img_transform`` are written by the transforms of this project; without
    them ``cam2img`` and the identity are taken, as for images of other mmdet3d pipelines. What
    ``flip`` and ``scale_factor`` say was done to the pixels has to be in ``img_transform``.

    Args:
        metainfos: B dictionaries with ``cam_intrinsic`` or ``cam2img``, ``img_shape`` and, where
            they differ from no augmentation, ``img_transform``, ``ori_shape`` and ``flip``; for
            cameras that are not level ``camera_to_ground``.
        pad_shape: (height, width) of the padded batch.
        device: where the tensors go.
        principal_point_shift: pixels added to the principal points; 0.5 reads intrinsics as if
            they counted pixel centres by integers.

    Raises:
        KeyError: when a data sample has no camera matrix.
        ValueError: an image was flipped or resized and its ``img_transform`` does not say so.
    """

    def stack(values: list) -> Tensor:
        return torch.as_tensor(np.stack(values), dtype=torch.float32, device=device)

    cam_intrinsics = np.stack([_intrinsics(meta) for meta in metainfos])
    cam_intrinsics[:, :2, 2] += principal_point_shift
    return BatchGeometry(
        cam_intrinsics=stack(cam_intrinsics),
        img_transforms=stack([_img_transform(meta) for meta in metainfos]),
        img_shapes=stack([_to_array(meta["img_shape"])[:2] for meta in metainfos]),
        ori_shapes=stack(
            [_to_array(meta.get("ori_shape", meta["img_shape"]))[:2] for meta in metainfos]
        ),
        flips=torch.tensor([bool(meta.get("flip", False)) for meta in metainfos], device=device),
        pad_shape=pad_shape,
        camera_to_ground=stack([_to_array(meta.get(GROUND_KEY, np.eye(3))) for meta in metainfos])
        if any(GROUND_KEY in meta for meta in metainfos)
        else None,
    )


def full_precision(like: Tensor) -> AbstractContextManager:
    """No mixed precision in this block: pixels need more digits than half precision has."""
    if like.is_meta:  # where nothing is computed, and autocast knows nothing of
        return nullcontext()
    return torch.autocast(like.device.type, enabled=False)


def at_least_float32(tensor: Tensor) -> Tensor:
    """The tensor, out of half precision if it is in it; for what mixed precision leaves behind."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def to_original_pixels(
    points_aug: Tensor, img_transforms: Tensor, img_inds: Tensor | None = None
) -> Tensor:
    """Map points from augmented to original pixels, differentiable in the points.

    Args:
        points_aug: (M, n, 2) aug pixels.
        img_transforms: (B, 3, 3) ori -> aug.
        img_inds: (M,) image of each object; None where points come image by image, M = B.

    Returns:
        (M, n, 2) ori pixels.
    """
    with full_precision(points_aug):
        # once per image, in float64; inv would make the host wait to look whether it worked
        inverse = torch.linalg.inv_ex(img_transforms.double())[0].to(points_aug.dtype)
        if img_inds is not None:
            inverse = inverse[img_inds]
        mapped = points_aug @ inverse[:, :, :2].mT + inverse[:, None, :, 2]
        return mapped[..., :2] / mapped[..., 2:]


def to_augmented_pixels(points_ori: Tensor, img_transforms: Tensor) -> Tensor:
    """Map points (N, 2) from original to augmented pixels by transforms (N, 3, 3)."""
    with full_precision(points_ori):
        mapped = (img_transforms[..., :2] @ points_ori[..., None])[..., 0] + img_transforms[..., 2]
        return mapped[..., :2] / mapped[..., 2:]


def _intrinsics(meta: dict) -> np.ndarray:
    matrix = meta.get("cam_intrinsic", meta.get("cam2img"))
    if matrix is None:
        raise KeyError(
            f"no camera matrix for {meta.get('img_path', 'an image')}: the data sample has neither "
            "'cam_intrinsic' nor 'cam2img'; list one of them in meta_keys of the packing transform"
        )
    return _to_array(matrix)[:3, :3]


def _img_transform(meta: dict) -> np.ndarray:
    transform = _to_array(meta.get("img_transform", np.eye(3)))
    is_mirrored = np.linalg.det(transform[:2, :2]) < 0
    told = np.broadcast_to(_to_array(meta.get("scale_factor", np.nan)).ravel()[:2], 2)
    scale = np.abs(np.diag(transform)[:2])
    is_resized_unseen = np.isfinite(told).all() and not np.allclose(scale, told, rtol=1e-3)
    if bool(meta.get("flip", False)) != is_mirrored or is_resized_unseen:
        raise ValueError(
            f"{meta.get('img_path', 'an image')}: flip={meta.get('flip', False)} and scale_factor="
            f"{meta.get('scale_factor')} do not fit img_transform={transform.tolist()}. Transforms "
            "of other packages (RandomFlip3D, Resize) move pixels without recording it there: use "
            "MonoFlip, MonoResize and MonoCrop"
        )
    return transform


def _to_array(value: object) -> np.ndarray:
    if isinstance(value, Tensor):
        value = value.detach().cpu()
    return np.asarray(value, dtype=np.float64)
