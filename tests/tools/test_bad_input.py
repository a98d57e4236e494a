"""Wrong arguments and files end in one message that names the file, before any long work."""

import importlib.util
import sys

import pytest
import torch

CONFIG = "configs/epropnp_det/epropnp-det-v2_r18-fpn_demo_synthetic.py"


@pytest.fixture
def call(repo_dir, tmp_path, monkeypatch, capsys):
    """Run a tool in this process; returns the exit code and what it printed as an error."""

    def run(tool, *arguments):
        path = repo_dir / "tools" / f"{tool}.py"
        spec = importlib.util.spec_from_file_location(f"tool_{tool}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        monkeypatch.chdir(repo_dir)
        words = [str(argument) for argument in arguments]
        monkeypatch.setattr(sys, "argv", [str(path), *words, "--work-dir", str(tmp_path / "work")])
        with pytest.raises(SystemExit) as caught:
            module.main()
        return caught.value.code, capsys.readouterr().err

    return run


def test_missing_config(call):
    code, message = call("train", "configs/nothing.py")
    assert code == 2
    assert "no config file configs/nothing.py" in message


def test_wrong_data_root(call, tmp_path):
    code, message = call("train", CONFIG, "--data-root", tmp_path / "nowhere")
    assert code == 2
    assert "nowhere" in message
    assert "Traceback" not in message


def test_data_root_without_info_files_names_the_command(call, tmp_path):
    code, message = call("train", CONFIG, "--data-root", tmp_path)
    assert code == 2
    assert "nuscenes_infos_train.pkl" in message
    assert "tools/create_data.py" in message


def test_missing_checkpoint(call):
    code, message = call("test", CONFIG, "nothing.pth")
    assert code == 2
    assert "no checkpoint nothing.pth" in message


def test_checkpoint_of_another_model(call, tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"state_dict": torch.nn.Linear(2, 2).state_dict()}, path)
    code, message = call("test", CONFIG, path)
    assert code == 2
    assert "other.pth is a checkpoint of another model" in message


def test_resuming_from_another_model(call, tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"state_dict": torch.nn.Linear(2, 2).state_dict()}, path)
    code, message = call("train", CONFIG, "--resume", path)
    assert code == 2
    assert "another model" in message


@pytest.mark.skipif(torch.cuda.is_available(), reason="about machines without a GPU")
def test_mixed_precision_without_gpu(call):
    code, message = call("train", CONFIG, "--amp")
    assert code == 2
    assert "--amp needs a CUDA GPU" in message


def test_tta_without_recipe(call, repo_dir, tmp_path):
    config = tmp_path / "config.py"
    config.write_text(f"_base_ = ['{repo_dir / CONFIG}']\ntta_pipeline = None\n")
    text = config.read_text() + "tta_model = dict(_delete_=True)\n"
    config.write_text(text)
    code, message = call("test", config, "nothing.pth", "--tta")
    assert code == 2
    assert "--tta: the config has no" in message


def test_lr_scaling_without_base_batch_size(call, repo_dir, tmp_path):
    config = tmp_path / "config.py"
    config.write_text(
        f"_base_ = ['{repo_dir / CONFIG}']\nauto_scale_lr = dict(_delete_=True, enable=False)\n"
    )
    code, message = call("train", config, "--auto-scale-lr")
    assert code == 2
    assert "base_batch_size" in message


def test_evaluating_a_missing_results_file(call, tmp_path):
    code, message = call("test", CONFIG, "--eval-json", "nothing.json", "--data-root", tmp_path)
    assert code == 2
    assert "nuscenes_infos_val.pkl" in message
