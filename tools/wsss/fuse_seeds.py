"""Fuse seeds with the maps of another method: python tools/wsss/fuse_seeds.py SEEDS MAPS OUT.

SEEDS is a folder of make_seeds.py. MAPS holds maps of the same pictures and classes: seed files,
``<image id>.npz`` or ``<image id>/<class>.npy`` with one array per class. A fused file that is not
older than the two that it is made from is not made again.
"""

import argparse
import json
import os
import sys
from pathlib import Path

if ((CHECKOUT := Path(__file__).resolve().parents[2]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(CHECKOUT))

from bas_mm.command_line import OneLineParser, fail, fail_on, run_command


def parse_args() -> argparse.Namespace:
    """The command line; the folders that must exist do."""
    parser = OneLineParser(description=__doc__.partition('\n')[0])
    parser.add_argument('seeds', type=Path, help='folder of seeds')
    parser.add_argument('maps', type=Path, help='folder of maps of another method')
    parser.add_argument('out', type=Path, help='folder of the fused seeds')
    parser.add_argument('--overwrite', action='store_true', help='delete the seeds that are in OUT')
    parser.add_argument('--num-threads', type=int, default=2, help='pictures at a time (2)')
    args = parser.parse_args()
    if args.num_threads < 1:
        fail(f'--num-threads must be at least 1, got {args.num_threads}')
    for folder in (args.seeds, args.maps):
        if not folder.is_dir():
            fail(f'{folder} is no folder')
    if args.out.resolve() in (args.seeds.resolve(), args.maps.resolve()):
        fail(f'{args.out} is read: fused seeds need another folder')
    return args


def main() -> None:
    """Fuse what is missing in OUT."""
    args = parse_args()

    from bas_mm.utils.bounded_threads import BoundedThreads
    from bas_mm.utils.picture_progress import PictureProgress
    from bas_mm.wsss.map_folder import MapFolder, fuse_with_maps
    from bas_mm.wsss.seed_file import SeedFile, read_seed_classes
    from bas_mm.wsss.seed_folder import SeedFolder
    from bas_mm.wsss.seed_source import seeds_settings

    try:
        settings = json.loads((args.seeds / SeedFolder.SETTINGS).read_text(encoding='utf-8'))
        classes = settings['classes']
    except (OSError, ValueError, KeyError) as error:
        fail(f'{args.seeds} has no {SeedFolder.SETTINGS} of make_seeds.py: {error}')
    files = sorted(SeedFolder(args.seeds).files())
    if not files:
        fail(f'{args.seeds} has no seed file')

    def fuse(path: Path) -> bool:
        image_id = path.relative_to(args.seeds).with_suffix('').as_posix()
        labels = read_seed_classes(path)
        if labels is not None:
            changed = max(os.stat(path).st_mtime_ns, other.changed(image_id, labels.tolist()))
            if folder.is_done(image_id, labels, changed):
                return False
        fused = fuse_with_maps(SeedFile.load_normalised(path), other, image_id)
        fused.save(folder.path(image_id))
        return True

    made = 0
    with fail_on(ValueError, OSError):
        other, folder = MapFolder(args.maps, classes), SeedFolder(args.out)
        folder.open(
            {
                **settings,
                'seeds': folder.place_of(args.seeds),
                'fuse': folder.place_of(args.maps),
                **seeds_settings(args.maps, 'fuse'),
            },
            args.overwrite,
        )
        with (
            PictureProgress('Fusing', len(files)) as progress,
            BoundedThreads(args.num_threads) as threads,
        ):
            for number, path in enumerate(files, 1):
                threads.submit(fuse, path)
                for was_made in threads.finished(everything=number == len(files)):
                    made += was_made
                    progress.advance()
    print(f'{args.out}: {made} made, {len(files) - made} were there')


if __name__ == '__main__':
    run_command(main)
