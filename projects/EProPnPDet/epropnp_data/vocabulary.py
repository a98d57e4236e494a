"""Names that a data set gives its objects: classes, attributes, and which class has which."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

NO_ATTRIBUTE = "none"  # the name that stands for having no attribute


@dataclass(frozen=True)
class Vocabulary:
    """Classes and attributes in the order of their labels; K classes, A attributes.

    Attributes:
        classes: K names.
        attributes: A names; empty where the data set has no attributes. "none" means none.
        attributes_of_class: those that a class can have, by its name; classes may be left out.
        default_attributes: taken for a class where an impossible one was predicted; the first of
            the class if not given.
    """

    classes: tuple[str, ...]
    attributes: tuple[str, ...] = ()
    attributes_of_class: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    default_attributes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, metainfo: Mapping) -> "Vocabulary":
        """That of a data set (``metainfo`` or ``dataset_meta``), which names its classes."""
        return cls(
            tuple(metainfo["classes"]),
            tuple(metainfo.get("attributes", ())),
            dict(metainfo.get("attributes_of_class", {})),
            dict(metainfo.get("default_attributes", {})),
        )

    @property
    def scope(self) -> np.ndarray:
        """Table (K, A) bool: which attribute (column) an object of a class (row) can have."""
        own = [self.attributes_of_class.get(name, ()) for name in self.classes]
        rows = [[attribute in names for attribute in self.attributes] for names in own]
        return np.array(rows, dtype=bool).reshape(len(self.classes), len(self.attributes))

    @property
    def defaults(self) -> np.ndarray:
        """Label (K,) of the default attribute of each class; -1 for a class without attributes."""
        labels = []
        for name in self.classes:
            own = self.attributes_of_class.get(name, ())
            default = self.default_attributes.get(name, own[0] if own else None)
            labels.append(self.attributes.index(default) if default in self.attributes else -1)
        return np.array(labels, dtype=np.int64)

    @property
    def no_attribute(self) -> int:
        """Label of having none: that of "none", else A, the background of mmdet3d's heads."""
        known = NO_ATTRIBUTE in self.attributes
        return self.attributes.index(NO_ATTRIBUTE) if known else len(self.attributes)

    def attribute_name(self, label: int) -> str | None:
        """Name of an attribute; None for -1 and for "none"."""
        name = self.attributes[label] if label >= 0 else NO_ATTRIBUTE
        return None if name == NO_ATTRIBUTE else name
