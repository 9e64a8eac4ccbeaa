"""Fuse seeds with the maps of another method: python tools/wsss/fuse_seeds.py SEEDS MAPS OUT.

SEEDS is a folder of make_seeds.py. MAPS holds maps of the same pictures and classes: seed files,
``<image id>.npz`` or ``<image id>/<class>.npy`` with one array per class. A fused file that is not
older than the two that it is made from is not made again.
"""

import argparse
import sys
from pathlib import Path

if ((CHECKOUT := Path(__file__).resolve().parents[2]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(CHECKOUT))

from bas_mm.command_line import OneLineParser, fail, fail_on, run_command
from bas_mm.utils.worker_processes import usable_cores
from bas_mm.wsss.making_commands import seed_command


def parse_args() -> argparse.Namespace:
    """The command line; the folders that must exist do."""
    parser = OneLineParser(description=__doc__.partition('\n')[0])
    parser.add_argument('seeds', type=Path, help='folder of seeds')
    parser.add_argument('maps', type=Path, help='folder of maps of another method')
    parser.add_argument('out', type=Path, help='folder of the fused seeds')
    parser.add_argument('--overwrite', action='store_true', help='delete the seeds that are in OUT')
    parser.add_argument(
        '--num-workers',
        type=int,
        default=usable_cores(),
        help='worker processes; 0: none; default: one for each core',
    )
    args = parser.parse_args()
    if args.num_workers < 0:
        fail(f'--num-workers must be 0 or more, got {args.num_workers}')
    if not args.seeds.is_dir():
        fail(f'there is no folder of seeds {args.seeds}: make them with {seed_command(args.seeds)}')
    if not args.maps.is_dir():
        fail(
            f'there is no folder of maps {args.maps}: save those of another method there; if they '
            f'are seeds, make them with {seed_command(args.maps)}'
        )
    if args.out.resolve() in (args.seeds.resolve(), args.maps.resolve()):
        fail(f'{args.out} is read: fused seeds need another folder')
    return args


def main() -> None:
    """Fuse what is missing in OUT."""
    args = parse_args()

    from bas_mm.wsss.map_folder import MapFolder
    from bas_mm.wsss.seed_folder import SeedFolder
    from bas_mm.wsss.seed_fusion import fuse_pictures
    from bas_mm.wsss.seed_source import SeedSource

    with fail_on(ValueError):
        settings, maps = SeedSource(args.seeds).made_with, SeedSource(args.maps)
    classes = settings.get('classes')
    if classes is None:
        fail(f'{args.seeds} has no {SeedFolder.SETTINGS} of make_seeds.py')
    seeds = SeedFolder(args.seeds)
    files = sorted(seeds.files())
    if not files:
        fail(f'{args.seeds} has no seed file')
    ids = [path.relative_to(args.seeds).with_suffix('').as_posix() for path in files]
    with fail_on(ValueError, OSError):
        maps.require_classes(classes, str(args.seeds / SeedFolder.SETTINGS))
        other, folder = MapFolder(args.maps, classes), SeedFolder(args.out)
        settings = {
            **settings,
            'seeds': folder.place_of(args.seeds),
            'fuse': folder.place_of(args.maps),
            **{f'fuse.{key}': value for key, value in maps.made_with.items()},
        }
        with folder.opened(settings, args.overwrite):
            made = fuse_pictures(ids, seeds, other, folder, args.num_workers)
    print(f'{args.out}: {made} made, {len(ids) - made} were there')


if __name__ == '__main__':
    run_command(main)
