"""Where tools/test.py writes, what it leaves of the config, and which options a config has."""

import importlib.util

import pytest
from mmengine.config import Config, ConfigDict

from epropnp_tools.cli import UsageError, plain_errors

DENSE = "configs/epropnp_6dof/epropnp-6dof-v2_r34_lm_no-model.py"


@pytest.fixture(scope="module")
def tool(repo_dir):
    """tools/test.py as a module; its name is taken by the standard library."""
    spec = importlib.util.spec_from_file_location("tool_test", repo_dir / "tools/test.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def config(*evaluators):
    made = [ConfigDict(evaluator) for evaluator in evaluators]
    return Config(dict(work_dir="work", test_evaluator=made if len(made) > 1 else made[0]))


def test_settings_of_the_config_stay(tool):
    cfg = config(dict(type="NuScenesMono3DMetric", out_dir="mine", format_only=True))
    tool.direct_results(cfg, format_only=False, tta=False)
    assert cfg.test_evaluator.out_dir == "mine"
    assert cfg.test_evaluator.format_only is True


def test_results_go_to_the_work_dir_unless_the_config_says_otherwise(tool):
    cfg = config(dict(type="BOPPoseMetric"))
    tool.direct_results(cfg, format_only=True, tta=False)
    assert cfg.test_evaluator.out_dir == "work"
    assert cfg.test_evaluator.format_only is True


def test_each_of_several_evaluators_is_served(tool):
    cfg = config(dict(type="DumpResults", out_file_path="a.pkl"), dict(type="NuScenesMono3DMetric"))
    tool.direct_results(cfg, format_only=False, tta=False)
    assert "out_dir" not in cfg.test_evaluator[0]
    assert cfg.test_evaluator[1].out_dir == "work"
    assert tool.nuscenes_evaluator(cfg, "--show") is cfg.test_evaluator[1]


def test_augmented_results_do_not_replace_the_plain_ones(tool):
    cfg = config(dict(type="NuScenesMono3DMetric"))
    tool.direct_results(cfg, format_only=False, tta=True)
    assert cfg.test_evaluator.out_dir == "work/tta"


def test_format_only_needs_an_evaluator_that_writes(tool):
    with pytest.raises(UsageError, match="--format-only needs"):
        tool.direct_results(config(dict(type="DumpResults")), format_only=True, tta=False)


@pytest.mark.parametrize("option", [["--show", "no.pth"], ["--eval-json", "results.json"]])
def test_detection_options_on_a_6dof_config_are_refused_at_once(
    tool, repo_dir, tmp_path, monkeypatch, capsys, option
):
    monkeypatch.chdir(repo_dir)
    words = ["test.py", DENSE, *reversed(option), "--work-dir", str(tmp_path)]
    if option[0] == "--eval-json":
        words = ["test.py", DENSE, *option, "--work-dir", str(tmp_path)]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as caught:
        tool.main()
    assert caught.value.code == 2
    message = capsys.readouterr().err
    assert f"{option[0]} needs a NuScenesMono3DMetric" in message
    assert "BOPPoseMetric" in message


def test_single_images_are_drawn_by_a_hook_without_tables(tool):
    cfg = config(dict(type="Mono3DMetric"))
    cfg.custom_hooks = [dict(type="ClassesHook")]
    tool.draw_images(cfg, "pictures", 0.3)
    first, hook = cfg.custom_hooks
    assert first.type == "ClassesHook"
    assert (hook.type, hook.out_dir, hook.score_thr) == ("DrawResultsHook", "pictures", 0.3)


def test_results_of_another_precision_are_not_gone_on_with(tool, tmp_path):
    checkpoint = tmp_path / "checkpoint.pth"
    checkpoint.write_bytes(b"weights")
    made_for = []
    for mixed in (False, True):
        cfg = config(dict(type="BOPPoseMetric", out_dir="work"))
        cfg.model = dict(type="DensePoseEstimator")
        cfg.test_cfg = {}
        cfg.test_dataloader = dict(sampler=dict(type="DefaultSampler", shuffle=False))
        if mixed:
            tool.enable_amp(cfg)
        tool.make_resumable(cfg, checkpoint, tool.evaluators(cfg))
        assert cfg.test_cfg.type == "ResumableTestLoop"
        assert cfg.test_cfg.fp16 is mixed
        made_for.append(cfg.test_cfg.made_for)
    assert made_for[0].checkpoint == made_for[1].checkpoint
    assert made_for[0] != made_for[1]


@pytest.mark.parametrize(("rank", "text"), [("0", "Error: why"), ("3", "Error (process 3): why")])
def test_every_process_says_what_stopped_it(monkeypatch, capsys, rank, text):
    monkeypatch.setenv("RANK", rank)
    with pytest.raises(SystemExit), plain_errors():
        raise UsageError("why")
    assert text in capsys.readouterr().err
