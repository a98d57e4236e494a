# Published EPro-PnP-Det v1 with coordinate regression, trained on train + val: NDS 0.453,
# mAP 0.373 on nuScenes test with TTA.
#   python tools/convert_checkpoint.py PUBLISHED.pth det_v1.pth
#   python tools/test.py configs/epropnp_det/published/<this file> det_v1.pth --format-only \
#     --cfg-options test_dataloader.dataset.ann_file=nuscenes_infos_test.pkl \
#     test_evaluator.ann_file=data/nuscenes/nuscenes_infos_test.pkl
# Published scores. Trained on 4 GPUs x 3 images, tested on one GPU; memory and time: not measured.
_base_ = "./epropnp-det-v1-coord-regr_r101-dcn-fpn_4xb3-12e_nus-mono3d.py"

train_set = _base_.train_dataloader.dataset
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="ConcatDataset",
        datasets=[train_set, {**train_set, "ann_file": "nuscenes_infos_val.pkl"}],
    )
)
