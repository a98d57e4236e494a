"""Objects of a batch by their images."""

import torch
from torch import Tensor


def count_by_image(img_inds: Tensor, num_images: int) -> Tensor:
    """Number (B,) of objects (M,) in each image; unlike bincount it does not make the host wait."""
    images = torch.arange(num_images, device=img_inds.device)
    return (img_inds[:, None] == images).sum(dim=0)
