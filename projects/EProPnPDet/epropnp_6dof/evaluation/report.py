"""Accuracy tables as text."""

from ..metrics.accuracy import mean_row


def format_table(table: dict[int, dict[str, float]], names: dict[int, str] | None = None) -> str:
    """One line per object and the unweighted mean, columns in percent.

    Args:
        table: from :func:`epropnp_6dof.metrics.accuracy_table`.
        names: object names; the id without one.
    """
    if not table:
        return "no targets"
    columns = list(next(iter(table.values())))
    lines = {(names or {}).get(obj_id, str(obj_id)): row for obj_id, row in table.items()}
    lines["mean"] = mean_row(table)
    head = f"{'object':<12}" + "".join(f"{column:>11}" for column in columns)
    body = [
        f"{name:<12}"
        + "".join(
            f"{row[column]:>11d}" if column == "count" else f"{row[column]:>11.2f}"
            for column in columns
        )
        for name, row in lines.items()
    ]
    return "\n".join([head, *body])
