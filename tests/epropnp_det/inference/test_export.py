"""The detector as exported programs gives the boxes of the detector."""

import pytest
import torch
from mmengine.registry import init_default_scope

from det_small import build_small_detector, make_batch, make_sample
from epropnp import EagerBackend, LinearStart
from epropnp_det.inference.export import (
    DenseProgram,
    ImageTensors,
    ObjectProgram,
    ObjectTensors,
    export_dense,
    export_objects,
)


@pytest.fixture(scope="module")
def detector(repo_dir):
    init_default_scope("mmdet3d")
    detector = build_small_detector(repo_dir)
    layer = detector.bbox_head.pose_solver.test_pnp
    layer.backend, layer.solver.num_iter = EagerBackend(), 2
    layer.solver.init_solver = LinearStart(num_iter=1)
    return detector


def test_the_exported_stages_are_the_stages(detector):
    """The same operations of the same library: not a bit differs."""
    head = detector.bbox_head
    data = detector.data_preprocessor(make_batch([make_sample(), make_sample()]), False)
    images = data["inputs"]["imgs"]
    with torch.no_grad():
        feats = detector.extract_feat(data["inputs"])
        geometry = head.geometry(feats, data["data_samples"])
        tensors = ImageTensors.of(geometry)
        program = DenseProgram(detector, geometry.pad_shape)
        exported = export_dense(program, images, tensors).module()
        dense = program.outputs(exported(images, tensors))
        expected = head.forward_dense(feats, geometry, with_bbox=False)
        for ours, theirs in zip(dense.features[:2], expected.features[:2], strict=True):
            assert torch.equal(ours, theirs)

        proposals = head.select(dense)
        some = ObjectTensors(*(field[:5] for field in proposals[:7]))
        maps = (dense.features.key, dense.features.value)
        program = ObjectProgram(detector, geometry.pad_shape)
        exported = export_objects(program, *maps, some, tensors).module()
        every = ObjectTensors(*proposals[:7])
        poses, covariances, valid, dims, scores = exported(*maps, every, tensors)
        objects = head.predict_objects(expected.features, head.select(expected), geometry)
        found = head.pose_solver.solve(objects, geometry, proposals.img_inds, with_pose_cov=True)
        assert torch.equal(poses, found.poses)
        assert torch.equal(covariances, found.covariances)
        assert torch.equal(valid, found.valid)
        assert torch.equal(dims, objects.dims)
        assert torch.equal(scores, found.scores)
