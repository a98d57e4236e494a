"""Results of a whole test split as files, with its ground truth."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import torch
from mmdet3d.registry import DATASETS
from mmengine.config import Config
from mmengine.dataset import pseudo_collate

from epropnp_results import ResultsFolder
from epropnp_results.analysis import Calibration

from .bop.models import read_models_info
from .datasets.bop_dataset import BOPDataset
from .datasets.coordinate_cache import CoordinateCache
from .datasets.selection import select_images
from .explained_results import label_of, truth_box, write_explained
from .inference import object_pose, target_of
from .models.pose_estimator import DensePoseEstimator


def write_dataset_results(
    network: DensePoseEstimator,
    cfg: Config,
    path: str | Path,
    checkpoint: str,
    progress: Callable[[Iterable], Iterable] = iter,
) -> ResultsFolder:
    """Find the objects of a config's test split in the images that are not done yet.

    Args:
        network: in evaluation mode.
        cfg: config whose ``test_dataloader`` names the split.
        path: results folder, made or gone on with.
        checkpoint: for the header; a calibration beside it is used.
        progress: wraps the loop over the images, tqdm for example.

    Raises:
        DatasetError: the data are missing.
        ResultsError: the folder holds other results.
    """
    dataset: BOPDataset = DATASETS.build(cfg.test_dataloader.dataset)
    root = Path(dataset.data_root)
    models = read_models_info(root / dataset.models_dir)
    calibration = Calibration.beside(checkpoint)
    header = dict(
        task="pose",
        classes=[label_of(obj_id) for obj_id in sorted(models)],
        checkpoint=str(checkpoint),
        split=str(root / dataset.split),
    )
    if calibration is not None:
        header |= dict(calibrated=True)
    results = ResultsFolder.create(path, header, [root.absolute()])
    truth = {
        str(image.path): [
            replace(truth_box(i.obj_id, i.pose, models[i.obj_id]), visibility=i.visib_fract)
            for i in image.instances
            if i.obj_id in models and i.visib_fract > 0
        ]
        for image in select_images(root, dataset.split, dataset.selection)
    }
    meshes = CoordinateCache(root / dataset.models_dir, None)
    objects = defaultdict(list)
    for index in range(len(dataset)):
        objects[dataset.get_data_info(index)["img_path"]].append(index)
    for name, indices in progress(objects.items()):
        if results.has(name):
            continue
        with torch.no_grad():
            samples = network.test_step(pseudo_collate([dataset[index] for index in indices]))
        found = [object_pose(target_of(sample), sample) for sample in samples]
        write_explained(results, found, network.solver, models, truth, meshes, calibration)
    return results
