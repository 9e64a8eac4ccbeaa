"""Names of published DeepLabv2 weights by hand; all of a network: test_deeplabv2_converter.py."""

import pytest

from bas_mm.models.weights.deeplabv2_key_maps import deeplabv2_to_bas_mm, strip_wrappers


def test_wrappers_in_any_order_as_far_as_all_names_have_them():
    weights = {'base.Scale.module.scale.conv1.weight': 1, 'base.Scale.module.bn1.bias': 2}
    assert strip_wrappers(weights) == {'scale.conv1.weight': 1, 'bn1.bias': 2}


@pytest.mark.parametrize(
    ('name', 'target'),
    [
        ('layer1.0.bn1.num_batches_tracked', 'backbone.layer1.0.bn1.num_batches_tracked'),
        ('layer5.block3.increase.bn.weight', 'backbone.layer4.2.bn3.weight'),
        ('bn5c_branch2a.running_var', 'backbone.layer4.2.bn1.running_var'),
        ('scale4b12_branch1.bias', 'backbone.layer3.12.downsample.1.bias'),
        ('bn_conv1.running_mean', 'backbone.bn1.running_mean'),
        ('fc1_coco_c3.bias', 'decode_head.convs.3.bias'),
        ('aspp.c0.weight', 'decode_head.convs.0.weight'),
        # None of theirs.
        ('layer2.block0.reduce.conv.weight', None),
        ('res6a_branch2a.weight', None),
        ('fc1_voc12.weight', None),
        ('conv1.weights', None),
    ],
)
def test_names(name, target):
    assert deeplabv2_to_bas_mm([name]).get(name) == target
