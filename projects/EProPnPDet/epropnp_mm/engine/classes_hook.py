"""Labels mean the same to the model and to the data."""

from mmdet3d.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import DataLoader


@HOOKS.register_module()
class ClassesHook(Hook):
    """Refuse a model and a data set that name their classes differently, before anything runs.

    A model without ``classes`` is not checked.
    """

    def before_train(self, runner: Runner) -> None:
        """Check the data that are trained on."""
        check_classes(runner.model, runner.train_dataloader)

    def before_val(self, runner: Runner) -> None:
        """Check the data that are validated on."""
        check_classes(runner.model, runner.val_dataloader)

    def before_test(self, runner: Runner) -> None:
        """Check the data that are tested on."""
        check_classes(runner.model, runner.test_dataloader)


def check_classes(model: nn.Module, loader: DataLoader) -> None:
    """Compare the classes of a model, possibly wrapped, with those of a data set.

    Raises:
        ValueError: naming both.
    """
    while hasattr(model, "module"):
        model = model.module
    ours = getattr(model, "classes", None)
    theirs = getattr(loader.dataset, "metainfo", {}).get("classes")
    if ours is not None and theirs is not None and tuple(ours) != tuple(theirs):
        raise ValueError(
            f"the model has the classes {tuple(ours)} (model.bbox_head.classes), the data set "
            f"{tuple(theirs)} (dataset.metainfo.classes): give both the same, in the same order"
        )
