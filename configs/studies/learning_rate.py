# python tools/run_study.py learning_rate --device cpu --parallel 2
# Which learning rate suits each detector, before they are compared. Trained on the training scenes
# of the other studies, scored on scenes of their own that no other study reads.
# Score: tools/run_study.py writes it to results/learning_rate.json; table in docs/results.md.
# Memory: not measured.
title = "Learning rates of EPro-PnP, FCOS3D and PGD"
generator = ["data/study", "--scenes", "24", "--seed", "1"]
test_generator = ["data/study_tuning", "--scenes", "5", "--seed", "2"]
version = "v1.0-trainval"
metrics = ["NDS", "mAP", "mATE", "mASE", "mAOE"]
seeds = [0]
budgets = dict(
    cpu=dict(processes=1, iterations=600, options=["train_dataloader.batch_size=8"]),
    cuda=dict(processes=1, iterations=600, options=["train_dataloader.batch_size=8"], workers=2),
)

detectors = dict(epropnp="EPro-PnP-Det v2", fcos3d="FCOS3D", pgd="PGD")
models = {
    f"{name}_{rate}": dict(
        title=f"{title}, {rate}",
        config=f"configs/studies/detectors/{name}_r18-fpn.py",
        options=[f"optim_wrapper.optimizer.lr={rate}"],
        tuning=name,
    )
    for name, title in detectors.items()
    for rate in (1.5e-3, 3e-3, 6e-3)
}
del detectors
