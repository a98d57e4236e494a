# python tools/run_study.py harder --device cpu --parallel 2
# The detectors of head_to_head, with their learning rates, on data that are harder to see: twice as
# many standing objects, which hide each other, of three quarters of the size, without the colours
# that tell front from back (cones and barriers show no heading at all), in noisy, blurred images.
# Score: tools/run_study.py writes it to results/harder.json; not measured yet. One CPU core
# a training or one GPU, eight images a step; time and memory: not measured.
title = "EPro-PnP, FCOS3D and PGD on data that are harder to see"
generator = ["data/study_harder", "--scenes", "24", "--seed", "3", "--crowding", "2"]
generator += ["--object-scale", "0.75", "--no-marks", "--noise", "0.03", "--blur", "0.8"]
version = "v1.0-trainval"
metrics = ["NDS", "mAP", "mATE", "mASE", "mAOE"]
seeds = [0]
budgets = dict(
    cpu=dict(processes=1, iterations=600, options=["train_dataloader.batch_size=8"]),
    cuda=dict(processes=1, iterations=2000, options=["train_dataloader.batch_size=8"], workers=2),
)
tuned_by = "learning_rate"

detectors = dict(epropnp="EPro-PnP-Det v2", fcos3d="FCOS3D", pgd="PGD")
models = {
    name: dict(title=title, config=f"configs/studies/detectors/{name}_r18-fpn.py", tuning=name)
    for name, title in detectors.items()
}
del detectors
