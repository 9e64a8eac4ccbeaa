"""ILSVRC: the names of ImageNet's classes over split folders."""

from __future__ import annotations

import pytest

from bas_mm.datasets import ILSVRC, AnnotationError


def test_class_names(split_writer):
    split_writer.write_good('train')
    dataset = ILSVRC(
        'metadata/train', data_root=str(split_writer.root), data_prefix=dict(img_path='images')
    )
    classes = dataset.metainfo['classes']
    assert len(classes) == dataset.num_classes == 1000
    # Known indices of the order of the sorted WordNet ids.
    assert classes[0].startswith('tench')
    assert classes[207].startswith('golden retriever')
    assert classes[999].startswith('toilet tissue')


def test_class_out_of_range(split_writer):
    folder = split_writer.write_good('train')
    text = (folder / 'class_labels.txt').read_text().replace('dog/1.jpg,1', 'dog/1.jpg,1000')
    (folder / 'class_labels.txt').write_text(text)
    with pytest.raises(AnnotationError, match='class_labels.txt, line 3: class 1000 of'):
        ILSVRC(
            'metadata/train', data_root=str(split_writer.root), data_prefix=dict(img_path='images')
        )
