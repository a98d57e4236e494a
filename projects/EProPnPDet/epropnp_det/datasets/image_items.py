"""What the data sets here have in common: one item per image, its annotations filtered."""

from collections.abc import Sequence

from mmengine.logging import print_log

from epropnp_data.errors import DatasetError
from epropnp_data.vocabulary import Vocabulary
from epropnp_mm.order import SeededItems
from epropnp_mm.skipping import PassesOverBadSamples

from .annotation_filter import AnnotationFilter


class ImageItems(SeededItems, PassesOverBadSamples):
    """Part of a data set (mmengine's ``BaseDataset``) whose items are camera images.

    Items have ``annotations`` (:class:`CameraAnnotations`) unless in test mode.

    Attributes:
        annotation_filter: which annotations are trained on.
        num_ins_per_cat: kept annotations by label.
        num_refused: annotations left out.
        num_empty: images left out, since they have no annotation.
    """

    annotation_filter: AnnotationFilter
    num_ins_per_cat: list[int]
    filter_empty_gt: bool
    num_refused = 0
    num_empty = 0

    def full_init(self) -> None:
        """Read everything and log what there is."""
        if self._fully_initialized:
            return
        super().full_init()
        self._vocabulary = Vocabulary.of(self.metainfo)
        summary = f"{self.ann_file}: {len(self)} images"
        if not self.test_mode:
            pairs = zip(self.metainfo["classes"], self.num_ins_per_cat, strict=True)
            summary += " with " + ", ".join(f"{count} {name}" for name, count in pairs)
            summary += (
                f"; left out: {self.num_refused} annotations of other classes or that "
                f"annotation_filter refuses, {self.num_empty} images without any annotation"
            )
        print_log(summary, "current")

    def filter_data(self) -> Sequence[dict]:
        """Leave out training images without annotations."""
        if self.test_mode or not self.filter_empty_gt:
            return self.data_list
        kept = self.images_with_annotations()
        if not kept:
            raise DatasetError(
                f"{self.annotation_file}: none of its images has an annotation that passes "
                f"{self.annotation_filter}. Loosen annotation_filter, or train on another split"
            )
        self.num_empty = len(self.data_list) - len(kept)
        return kept

    def images_with_annotations(self) -> Sequence[dict]:
        """Those of ``data_list`` that have an annotation."""
        return [item for item in self.data_list if len(item["annotations"])]

    def get_data_info(self, idx: int) -> dict:
        """Item without its transforms; ``vocabulary`` names its labels."""
        return {**super().get_data_info(idx), "vocabulary": self._vocabulary}

    def prepare_data(self, index: int) -> dict | None:
        """Run the pipeline; None asks for another image (only a transform decides that)."""
        return self.pipeline(self.get_data_info(index))

    def get_cat_ids(self, idx: int) -> set[int]:
        """Classes in an image, for class-balanced sampling."""
        return set(self.get_data_info(idx)["annotations"].labels.tolist())

    @property
    def annotation_file(self) -> str:
        """File with the annotations."""
        return str(self.ann_file)
