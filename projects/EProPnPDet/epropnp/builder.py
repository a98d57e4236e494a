"""Objects from nested config dicts, ``dict(type='LMSolver', num_iter=10)``, without a registry."""

from typing import Any


def build(config: Any, classes: tuple[type, ...], **inferred: Any) -> Any:
    """Build what a config dict describes; anything but a dict is returned as it is.

    Args:
        config: dict with ``type``, a class or the name of one, and its arguments.
        classes: classes that may be named.
        inferred: arguments known from the context, such as ``dof``; the config may repeat them.

    Raises:
        ValueError: the type is missing or unknown, or an argument contradicts the context.
    """
    if not isinstance(config, dict):
        return config
    arguments = dict(config)
    kind = arguments.pop("type", None)
    by_name = {cls.__name__: cls for cls in classes}
    cls = by_name.get(kind) if isinstance(kind, str) else kind
    if cls not in classes:
        raise ValueError(f"type={kind!r} in config {config} must be one of {sorted(by_name)}")
    for name, value in inferred.items():
        if arguments.setdefault(name, value) != value:
            raise ValueError(f"{name}={arguments[name]} in config {config} must be {value}")
    return cls(**arguments)
