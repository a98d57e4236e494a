# Published EPro-PnP-Det v2 weights trained on train + val: NDS 0.481, mAP 0.409 on nuScenes test,
# 0.490 and 0.423 with TTA.
#   python tools/convert_checkpoint.py PUBLISHED.pth det_v2.pth
#   python tools/test.py configs/epropnp_det/published/<this file> det_v2.pth --format-only \
#     --cfg-options test_dataloader.dataset.ann_file=nuscenes_infos_test.pkl \
#     test_evaluator.ann_file=data/nuscenes/nuscenes_infos_test.pkl
# Published scores. Trained on 2 GPUs x 6 images, tested on one GPU; memory and time: not measured.
_base_ = "./epropnp-det-v2_r101-dcn-fpn_2xb6-12e_nus-mono3d.py"

train_set = _base_.train_dataloader.dataset
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="ConcatDataset",
        datasets=[train_set, {**train_set, "ann_file": "nuscenes_infos_val.pkl"}],
    )
)
