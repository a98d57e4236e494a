# python tools/run_study.py head_to_head --device cpu --parallel 2
# EPro-PnP-Det v2, FCOS3D and PGD with the same backbone, widths, images, data and batches; learning
# rates are those that won configs/studies/learning_rate.py, once that has rows.
# Score: tools/run_study.py writes it to results/head_to_head.json; table in docs/results.md.
# CPU: one core a training, steps in proportion to their cost, so that all take the same time: 14
# minutes beside another. One GPU: the same number of images for each, time not measured. Both train
# with eight images a step. Memory: not measured.
title = "EPro-PnP, FCOS3D and PGD from scratch"
generator = ["data/study", "--scenes", "24", "--seed", "1"]
version = "v1.0-trainval"
metrics = ["NDS", "mAP", "mATE", "mASE", "mAOE"]
seeds = [0, 1, 2]
budgets = dict(
    cpu=dict(processes=1, iterations=600, options=["train_dataloader.batch_size=8"]),
    cuda=dict(processes=1, iterations=2000, options=["train_dataloader.batch_size=8"], workers=2),
)
tuned_by = "learning_rate"

models = dict(
    epropnp=dict(
        title="EPro-PnP-Det v2",
        config="configs/studies/detectors/epropnp_r18-fpn.py",
        tuning="epropnp",
        tta=True,
    ),
    fcos3d=dict(
        title="FCOS3D",
        config="configs/studies/detectors/fcos3d_r18-fpn.py",
        tuning="fcos3d",
        iterations=dict(cpu=680),
    ),
    pgd=dict(
        title="PGD",
        config="configs/studies/detectors/pgd_r18-fpn.py",
        tuning="pgd",
        iterations=dict(cpu=605),
    ),
)
