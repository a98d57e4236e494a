"""What a study is: models, seeds, data and budgets, read from ``configs/studies/NAME.py``."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config

ROOT = Path(__file__).resolve().parents[2]
STUDIES = ROOT / "configs/studies"
DEVICES = ("cpu", "cuda")


def digest(text: str) -> str:
    """Short name of settings that are written out."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class StudyError(ValueError):
    """A study file, or a choice from it, that cannot be used; the message says what to change."""


class Budget(NamedTuple):
    """Size of the trainings on one kind of device.

    Attributes:
        processes: of a training.
        iterations: of a training; a model may have its own, so that all take the same time.
        options: ``--cfg-options`` of training and test.
        workers: processes that load the images, of each process of training or test.
    """

    processes: int
    iterations: int
    options: tuple[str, ...] = ()
    workers: int = 1


class Model(NamedTuple):
    """One line of the table.

    Attributes:
        name: short name, in the rows.
        title: in the table.
        config: from the repository's root.
        options: ``--cfg-options`` of training and test.
        iterations: by device, where they are not those of the budget.
        test: further words for ``tools/test.py``.
        tta: test a second time, the image and its mirror image together.
        tuning: candidates for the same setting have the same word here, and so have the models of
            other studies that take the best of them, see `studies.tuning`.
        seeds: where they are not those of the study.
    """

    name: str
    title: str
    config: str
    options: tuple[str, ...] = ()
    iterations: Mapping[str, int] = {}
    test: tuple[str, ...] = ()
    tta: bool = False
    tuning: str = ""
    seeds: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Study:
    """Models that are trained on the same data with the same budget.

    Attributes:
        name: of the file, and of its rows in ``results``.
        title: one sentence.
        generator: words for ``tools/create_synthetic_nuscenes.py``, the folder first.
        version: of the data set.
        metrics: that are shown, as the summary of the test names them.
        seeds: of the trainings.
        budgets: by device.
        models: in the order of the table; the first is what the others are compared with.
        test_generator: words for the data of the test, where they are a set of their own.
        tuned_by: study whose best candidates give the models their options.
    """

    name: str
    title: str
    generator: tuple[str, ...]
    version: str
    metrics: tuple[str, ...]
    seeds: tuple[int, ...]
    budgets: Mapping[str, Budget]
    models: tuple[Model, ...]
    test_generator: tuple[str, ...] = ()
    tuned_by: str = ""

    @property
    def data_root(self) -> Path:
        """Folder of the generated data."""
        return Path(self.generator[0])

    @property
    def test_root(self) -> Path:
        """Folder of the data of the test."""
        return Path((self.test_generator or self.generator)[0])

    @property
    def decisive(self) -> str:
        """Metric that the best candidate of a setting is best in; more is better."""
        return self.metrics[0]

    def budget(self, device: str) -> Budget:
        """Budget on a device.

        Raises:
            StudyError: the study has none.
        """
        if device not in self.budgets:
            raise StudyError(f"{self.name} has no budget for {device}; it has {list(self.budgets)}")
        return self.budgets[device]


class Run(NamedTuple):
    """One training of a study."""

    study: Study
    model: Model
    seed: int
    device: str

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"{self.model.name}_{self.device}_seed{self.seed}"

    @property
    def iterations(self) -> int:
        """Training steps."""
        return self.model.iterations.get(self.device, self.study.budget(self.device).iterations)

    @property
    def options(self) -> tuple[str, ...]:
        """``--cfg-options`` of training and test."""
        return (*self.study.budget(self.device).options, *self.model.options)

    @property
    def loading(self) -> tuple[str, ...]:
        """``--cfg-options`` that have no influence on the result."""
        workers = self.study.budget(self.device).workers
        return tuple(f"{split}_dataloader.num_workers={workers}" for split in ("train", "test"))

    @property
    def settings(self) -> str:
        """Digest of all that decides the result but seed and code."""
        config = _config_text(self.model.config)
        budget = self.study.budget(self.device)
        parts = [config, self.options, self.iterations, budget.processes, self.model.test]
        parts += [self.study.generator, self.study.version]
        parts += [self.study.test_generator, self.model.tta]
        return digest(json.dumps(parts))


@cache
def _config_text(path: str) -> str:
    return Config.fromfile(ROOT / path).pretty_text


def study_names() -> list[str]:
    """Studies there are."""
    return sorted(path.stem for path in STUDIES.glob("*.py"))


def read_study(name: str) -> Study:
    """Study of a name.

    Raises:
        StudyError: unknown name, field or model, or one that is missing.
    """
    path = STUDIES / f"{name}.py"
    if not path.is_file():
        raise StudyError(f"there is no study {name!r}; there are {study_names()}")
    content = Config.fromfile(path).to_dict()
    try:
        budgets = {d: _record(Budget, b) for d, b in content.pop("budgets").items()}
        models = tuple(_record(Model, {"name": n, **m}) for n, m in content.pop("models").items())
        lists = {k: tuple(v) if isinstance(v, list | tuple) else v for k, v in content.items()}
        study = Study(name=name, budgets=budgets, models=models, **lists)
    except (TypeError, KeyError, AttributeError) as error:
        raise StudyError(f"{path}: {error}; see configs/studies/head_to_head.py") from error
    unknown = sorted(set(budgets) - set(DEVICES))
    if unknown:
        raise StudyError(f"{path}: budgets for {unknown}, expected {list(DEVICES)}")
    return study


def _record(kind: type, content: dict[str, Any]) -> Any:
    lists = {k: tuple(v) if isinstance(v, list) else v for k, v in content.items()}
    return kind(**lists)


def select_runs(
    study: Study, device: str, models: list[str] | None = None, seeds: list[int] | None = None
) -> list[Run]:
    """Runs of a study, seed by seed, so that a stopped study has whole comparisons.

    Raises:
        StudyError: a model or a budget that the study does not have.
    """
    study.budget(device)
    known = [model.name for model in study.models]
    unknown = sorted(set(models or ()) - set(known))
    if unknown:
        raise StudyError(f"{study.name} has no model {unknown[0]!r}; it has {known}")
    chosen = [model for model in study.models if models is None or model.name in models]
    own = {model.name: study.seeds if model.seeds is None else model.seeds for model in chosen}
    ordered = dict.fromkeys(seed for each in own.values() for seed in each)
    return [
        Run(study, model, seed, device)
        for seed in (ordered if seeds is None else seeds)
        for model in chosen
        if seeds is not None or seed in own[model.name]
    ]
