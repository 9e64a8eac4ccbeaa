"""Label maps of pictures, by a segmentor: python -m bas_mm segment CONFIG CHECKPOINT INPUT ...

CONFIG is a file, the name of one of bas_mm's configs such as deeplabv2_small_embedded, or - for the
config that is noted in the checkpoint. Configs of mmsegmentation are taken too. A line is printed
for each picture: its classes and the share of the pixels that have each. With --out-dir, masks/ has
the label maps as palette PNGs: 0 is the first class, which is the background of most segmentors.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .inference import add_inference_arguments, run_inference

if TYPE_CHECKING:
    from mmengine.config import Config

    from bas_mm.apis import SegmentationInferencer

SUMMARY = 'label maps of pictures, by a segmentor'

add_arguments = add_inference_arguments


def run(args: argparse.Namespace) -> None:
    """Run the command."""

    def make(cfg: Config | None) -> SegmentationInferencer:
        from bas_mm.apis import SegmentationInferencer

        return SegmentationInferencer(cfg, args.checkpoint, args.device)

    run_inference(args, make)
