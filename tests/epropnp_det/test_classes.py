"""A subset of the classes in another order: data, network, results file and scores agree."""

import json

import numpy as np
import pytest
import torch
from mmdet3d.registry import DATASETS, METRICS, MODELS
from torch.utils.data import DataLoader

from det_small import small_model_config
from epropnp_data.nuscenes.taxonomy import ATTRIBUTES, ATTRIBUTES_OF_CLASS, CLASSES
from epropnp_mm.engine.classes_hook import check_classes
from nuscenes_data import load_tables, nuscenes_root, truth_as_predictions

__all__ = ["nuscenes_root"]

TWO = ("pedestrian", "car")


def data_set(root, classes=TWO, **options):
    pipeline = [dict(type=f"LoadMono{name}") for name in ("Image", "Annotations", "Lidar")]
    return DATASETS.build(
        dict(
            type="NuScenesMonoDataset",
            data_root=str(root),
            ann_file="nuscenes_infos_val.pkl",
            metainfo=dict(classes=classes),
            pipeline=[*pipeline, dict(type="PackMonoInputs")],
            **options,
        )
    )


def evaluate(root, classes, out_dir):
    """Score the truth of these classes, as a network with their labels would predict it."""
    metric = METRICS.build(
        dict(
            type="NuScenesMono3DMetric",
            data_root=str(root),
            ann_file=str(root / "nuscenes_infos_val.pkl"),
            out_dir=str(out_dir),
        )
    )
    metric.dataset_meta = dict(classes=classes)
    nusc = load_tables(root)
    for token in metric.frames.sample_tokens:
        for item in truth_as_predictions(nusc, nusc.get("sample", token)):
            fields = item["pred_instances_3d"]
            keep = [i for i, k in enumerate(fields["labels_3d"].tolist()) if CLASSES[k] in classes]
            mine = {name: value[keep] for name, value in fields.items()}
            mine["labels_3d"] = torch.tensor(
                [classes.index(CLASSES[label]) for label in mine["labels_3d"].tolist()]
            ).long()
            metric.process(None, [{**item, "pred_instances_3d": mine}])
    return metric.evaluate(len(metric.results))


def test_truth_of_two_classes_scores_perfectly(nuscenes_root, tmp_path):
    scores = evaluate(nuscenes_root, TWO, tmp_path)
    for name in TWO:
        assert scores[f"NuScenes/{name}/AP"] == pytest.approx(1.0, abs=1e-9)
        assert scores[f"NuScenes/{name}/AAE"] == pytest.approx(0.0, abs=1e-6)
    assert scores["NuScenes/truck/AP"] == 0
    records = json.loads((tmp_path / "results_nusc.json").read_text())["results"].values()
    written = [record for boxes in records for record in boxes]
    assert {record["detection_name"] for record in written} == set(TWO)
    for record in written:
        assert record["attribute_name"] in ATTRIBUTES_OF_CLASS[record["detection_name"]]


def test_annotations_have_the_labels_and_attributes_of_their_classes(nuscenes_root):
    all_classes = data_set(nuscenes_root, CLASSES, filter_empty_gt=False)
    two = data_set(nuscenes_root, filter_empty_gt=False)
    attributes = 0
    for whole, part in zip(all_classes, two, strict=True):
        whole = whole["data_samples"].gt_instances_3d
        part = part["data_samples"].gt_instances_3d
        names = [CLASSES[label] for label in whole.labels_3d.tolist()]
        keep = [index for index, name in enumerate(names) if name in TWO]
        assert [TWO[label] for label in part.labels_3d.tolist()] == [names[i] for i in keep]
        assert part.attr_labels.tolist() == whole.attr_labels[keep].tolist()
        for name, attribute in zip([names[i] for i in keep], part.attr_labels, strict=True):
            attributes += int(attribute >= 0)
            assert attribute < 0 or ATTRIBUTES[attribute] in ATTRIBUTES_OF_CLASS[name]
    assert attributes > 0


def test_unknown_class_is_named(nuscenes_root):
    with pytest.raises(ValueError, match="tram.*metainfo.classes"):
        data_set(nuscenes_root, ("car", "tram"))


def test_network_of_two_classes_trains_on_them(nuscenes_root, repo_dir):
    config = small_model_config(repo_dir)
    config.bbox_head.classes = TWO
    model = MODELS.build(config).train()
    loader = DataLoader(data_set(nuscenes_root), batch_size=2, collate_fn=list)
    check_classes(model, loader)
    batch = next(iter(loader))
    data = dict(
        inputs=dict(img=[item["inputs"]["img"] for item in batch]),
        data_samples=[item["data_samples"] for item in batch],
    )
    losses = model(**model.data_preprocessor(data, True), mode="loss")
    assert np.isfinite(float(model.parse_losses(losses)[0].detach()))
    coder = model.bbox_head.object_branches.dim_coder
    assert coder.log_means.shape == (2, 3)
    assert float(coder.log_means[1, 0].exp()) == pytest.approx(4.62)  # a car is long


def test_model_and_data_with_other_classes_are_refused(nuscenes_root, repo_dir):
    model = MODELS.build(small_model_config(repo_dir))
    loader = DataLoader(data_set(nuscenes_root))
    with pytest.raises(ValueError, match="give both the same"):
        check_classes(torch.nn.DataParallel(model), loader)
