"""Results of a whole test split as files, with its ground truth."""

import copy
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from mmdet3d.registry import DATASETS
from mmengine.config import Config
from mmengine.dataset import BaseDataset

from epropnp_data.images import Camera
from epropnp_data.images.reading import read_image
from epropnp_results import ResultsFolder

from .detector3d import Detector3D
from .records import truth_of


def write_dataset_results(
    infer: Detector3D,
    cfg: Config,
    path: str | Path,
    checkpoint: str,
    progress: Callable[[Iterable], Iterable] = iter,
) -> ResultsFolder:
    """Infer the images of a config's test split that are not done yet.

    Args:
        infer: the detector.
        cfg: config whose ``test_dataloader`` names the split.
        path: results folder, made or gone on with.
        checkpoint: for the header.
        progress: wraps the loop over the images, tqdm for example.

    Raises:
        SampleError: an image is missing or not readable.
        ResultsError: the folder holds other results.
    """
    dataset = _with_truth(cfg)
    header = dict(
        task="detection",
        classes=infer.classes,
        checkpoint=str(checkpoint),
        split=str(dataset.ann_file),
        min_score=infer.score_thr,
    )
    if infer.calibration is not None:
        header |= dict(calibrated=True)
    results = ResultsFolder.create(path, header, [Path(dataset.data_root).absolute()])
    for index in progress(range(len(dataset))):
        info = dataset.get_data_info(index)
        name = info["name"]
        if results.has(name):
            continue
        image = read_image(info["img_path"])
        camera = Camera(info["cam2img"], None, info.get("levelled_by"))
        found = infer(image, camera, name)
        annotations = info.get("annotations")
        record = replace(
            found.result,
            image=str(Path(info["img_path"]).absolute()),
            group=info["sample_token"],
            camera=info["cam_name"],
            camera_to_ego=info["cam2ego"].tolist() if "cam2ego" in info else None,
            truth=None
            if annotations is None
            else truth_of(annotations, infer.classes, camera.camera_to_ground),
        )
        results.write(record, found.arrays)
    return results


def _with_truth(cfg: Config) -> BaseDataset:
    """The test split, with annotations where there are some."""
    config = copy.deepcopy(cfg.test_dataloader.dataset)
    has_truth = DATASETS.get(config.type).has_annotations(config)
    config.update(pipeline=[], test_mode=not has_truth, filter_empty_gt=False)
    return DATASETS.build(config)
