# python tools/run_study.py ablations --device cpu --parallel 2
# The parts of EPro-PnP, one changed at a time, with the data and the learning rate of head_to_head.
# Score: tools/run_study.py writes it to results/ablations.json; table in docs/results.md. One CPU
# core a training and 600 steps, 14 minutes beside another, or one GPU and 2000, of eight images.
# Memory: not measured.
title = "EPro-PnP with one part changed"
generator = ["data/study", "--scenes", "24", "--seed", "1"]
version = "v1.0-trainval"
metrics = ["NDS", "mAP", "mATE", "mASE", "mAOE"]
seeds = [0, 1]
budgets = dict(
    cpu=dict(processes=1, iterations=600, options=["train_dataloader.batch_size=8"]),
    cuda=dict(processes=1, iterations=2000, options=["train_dataloader.batch_size=8"], workers=2),
)
tuned_by = "learning_rate"

titles = dict(
    reprojection="reprojection loss only",
    implicit="implicit gradient of the optimum",
    no_derivatives="no derivative regularisation",
    no_auxiliary="no auxiliary losses",
    no_softmax="no softmax",
    no_scale="no global scale",
    fixed_threshold="no gradient of the threshold",
)
one_seed = dict(
    samples_32="32 samples",
    samples_128="128 samples",
    samples_512="512 samples",
    proposals_4="4 proposals",
    proposals_64="64 proposals",
    iterations_2="2 steps of the solver",
    iterations_10="10 steps of the solver",
)
models = dict(
    full=dict(
        title="all (64 samples, 16 proposals, 5 steps)",
        config="configs/studies/detectors/epropnp_r18-fpn.py",
        tuning="epropnp",
        tta=True,
    )
)
for name, text in {**titles, **one_seed}.items():
    models[name] = dict(title=text, config=f"configs/studies/ablations/{name}.py", tuning="epropnp")
    if name in one_seed:
        models[name].update(seeds=[0])
del titles, one_seed, name, text
