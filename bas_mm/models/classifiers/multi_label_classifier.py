import torch
from mmpretrain.structures import DataSample

from .class_map_classifier import ClassMapClassifier, require_labels


class MultiLabelClassifier(ClassMapClassifier):
    """A :class:`ClassMapClassifier` of images with several labels, for segmentation seeds.

    ``head`` is one of our multi-label heads. In testing it predicts scores and labels as
    mmpretrain's multi-label classifiers do, so that their metrics (``mmpretrain.AveragePrecision``,
    ``mmpretrain.MultiLabelMetric``) evaluate it; seeds are made from
    :meth:`~ClassMapClassifier.localization_maps` by ``bas_mm.wsss``.
    """

    @classmethod
    def head_needs(cls) -> dict[str, str]:
        """See :meth:`ClassMapClassifier.head_needs`."""
        return {
            **super().head_needs(),
            'predict': '(class_maps, data_samples) -> data_samples',
        }

    def targets_of(self, data_samples: list[DataSample], device: torch.device) -> torch.Tensor:
        """t of a batch: (N, C) float32 of 0 and 1.

        Args:
            data_samples (list[DataSample]): with ``gt_label``, (k,) the image's classes, or
                ``gt_score``, (C,).
            device (torch.device): where t is wanted.

        Raises:
            ValueError: a picture has neither, or they are of other classes than the head's. Labels
                that are on a GPU it judges itself: nothing waits for it.
        """
        classes = self.head.num_classes
        if all('gt_score' in sample for sample in data_samples):
            scores = [sample.gt_score for sample in data_samples]
            for score in scores:
                if score.shape != (classes,):
                    raise ValueError(
                        f'gt_score of a picture is {tuple(score.shape)}, but model.head.'
                        f'num_classes={classes}: it must have a number for each class'
                    )
            return torch.stack(scores).float().to(device)
        require_labels(data_samples)
        labels = [sample.gt_label for sample in data_samples]
        targets = torch.zeros(len(labels), classes, device=device)
        rows = torch.cat([torch.full_like(label, row) for row, label in enumerate(labels)])
        columns = torch.cat(labels).to(device)
        try:
            # Looked up, as −1 would else count from the end: a GPU refuses it as well.
            columns = torch.arange(classes, device=device).index_select(0, columns)
        except IndexError as error:
            raise ValueError(
                f'labels of a batch are {columns.min()} to {columns.max()}, but '
                f'model.head.num_classes={classes}: they must be 0 to {classes - 1}'
            ) from error
        targets[rows.to(device), columns] = 1
        return targets

    def loss_targets(
        self, data_samples: list[DataSample], device: torch.device
    ) -> tuple[torch.Tensor, ...]:
        """t, (N, C) of 0 and 1."""
        return (self.targets_of(data_samples, device),)

    def predict(
        self, inputs: torch.Tensor, data_samples: list[DataSample] | None = None
    ) -> list[DataSample]:
        """Scores and labels of each image.

        Args:
            inputs (Tensor): (N, 3, H, W), normalised.
            data_samples (list[DataSample], optional): filled in and returned, with their own
                labels on the CPU as well. Default: new ones.

        Returns:
            list[DataSample]: with ``pred_score`` (C,) in (0, 1) and ``pred_label`` (k,), on the
            CPU.
        """
        _, tail_features = self.extract_feat(inputs)
        samples = self.head.predict(self.head(tail_features), data_samples)
        # mmpretrain's metrics keep what they are given. Of several processes mmengine pickles it,
        # and what one keeps on its GPU the others would load on that very GPU.
        for field in ('gt_label', 'gt_score'):
            _bring_to_host([sample for sample in samples if field in sample], field)
        return samples


def _bring_to_host(samples: list[DataSample], field: str) -> None:
    """Put one vector of each sample on the CPU: a single copy."""
    vectors = [sample.get(field) for sample in samples]
    if all(vector.device.type == 'cpu' for vector in vectors):
        return
    joined = torch.cat(vectors).cpu()
    for sample, vector in zip(samples, joined.split([len(v) for v in vectors])):
        sample.set_field(vector, field, dtype=torch.Tensor)
