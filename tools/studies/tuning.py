"""Settings that were chosen by another study: the best candidate's options, from its rows."""

import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from studies.rows import RESULTS, Row, read_rows
from studies.study import Model, Run, Study, read_study


def tuned(study: Study, folder: Path = RESULTS) -> Study:
    """A study whose models have the options of the best candidates.

    Nothing changes where the study is not tuned by another, nor for a model whose candidates have
    no rows yet.
    """
    if not study.tuned_by:
        return study
    chooser = read_study(study.tuned_by)
    rows = read_rows(chooser.name, folder)
    models = tuple(
        model._replace(options=(*model.options, *best_options(chooser, model.tuning, rows)))
        for model in study.models
    )
    return replace(study, models=models)


def best_options(study: Study, tuning: str, rows: Sequence[Row]) -> tuple[str, ...]:
    """Options of the candidate with the best mean over its rows; none without rows.

    Args:
        study: whose models are the candidates.
        tuning: of those that are compared.
        rows: of the study; those with other settings than now do not count.
    """
    candidates = [model for model in study.models if model.tuning == tuning]
    scored = [(model, _scores(study, model, rows)) for model in candidates]
    means = [(statistics.fmean(scores), model) for model, scores in scored if scores]
    return max(means, key=lambda each: each[0])[1].options if means else ()


def _scores(study: Study, model: Model, rows: Sequence[Row]) -> list[float]:
    current = {Run(study, model, 0, device).settings for device in study.budgets}
    return [row.metrics[study.decisive] for row in rows if row.settings in current]
