# EPro-PnP-Det v2 trained on train + val, for the test server.
#   train: tools/dist_train.sh configs/epropnp_det/<this file> 2
#   submission: tools/test.py configs/epropnp_det/<this file> CKPT --format-only --cfg-options \
#     test_dataloader.dataset.ann_file=nuscenes_infos_test.pkl \
#     test_evaluator.ann_file=data/nuscenes/nuscenes_infos_test.pkl
# Published: NDS 0.481, mAP 0.409 on nuScenes test, 0.490 and 0.423 with --tta; not measured here.
# 2 GPUs x 6 images; memory and time: not measured.
_base_ = "./epropnp-det-v2_r101-dcn-fpn_2xb6-12e_nus-mono3d.py"

train_set = _base_.train_dataloader.dataset
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="ConcatDataset",
        datasets=[train_set, {**train_set, "ann_file": "nuscenes_infos_val.pkl"}],
    )
)
