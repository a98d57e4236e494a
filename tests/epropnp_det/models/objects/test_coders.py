import numpy as np
import pytest
import torch
from mmengine import Config

from epropnp_data.nuscenes.taxonomy import CLASSES
from epropnp_det.models.objects.coders import MultiClassLogDimCoder


def settings_of(repo_dir):
    settings = dict(Config.fromfile(repo_dir / "configs/_base_/models/epropnp_det_v2.py").dim_coder)
    settings.pop("type")
    return settings


@pytest.fixture
def coder(repo_dir):
    return MultiClassLogDimCoder(**settings_of(repo_dir), classes=CLASSES)


def test_matches_reference(coder, golden_file):
    labels = torch.arange(10)
    with np.load(golden_file("geometry.npz")) as golden:
        dims = torch.from_numpy(golden["dim_in"])
        np.testing.assert_allclose(coder.encode(dims, labels), golden["dim_enc"], atol=2e-5)
        # the decoder was recorded on half the code
        decoded = coder.decode(torch.from_numpy(golden["dim_enc"]) / 2, labels)
        np.testing.assert_allclose(decoded, golden["dim_dec"], rtol=1e-5)


def test_mean_dimensions_have_code_zero(coder):
    labels = torch.tensor([7, 0])
    means = torch.tensor([[0.73, 1.77, 0.67], [4.62, 1.73, 1.96]])
    torch.testing.assert_close(coder.encode(means, labels), torch.zeros(2, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(coder.decode(torch.zeros(2, 3), labels), means)


def test_refuses_statistics_of_other_shapes():
    with pytest.raises(ValueError, match="num_classes, 3"):
        MultiClassLogDimCoder([[1.0, 2, 3]], [[1.0, 2]])


def test_statistics_follow_the_classes(repo_dir):
    coder = MultiClassLogDimCoder(**settings_of(repo_dir), classes=("pedestrian", "car"))
    means = torch.tensor([[0.73, 1.77, 0.67], [4.62, 1.73, 1.96]])
    torch.testing.assert_close(coder.decode(torch.zeros(2, 3), torch.tensor([0, 1])), means)
    with pytest.raises(ValueError, match="no entry for the classes .'tram'"):
        MultiClassLogDimCoder(**settings_of(repo_dir), classes=("car", "tram"))
    with pytest.raises(ValueError, match="needs classes"):
        MultiClassLogDimCoder(**settings_of(repo_dir))
