"""Train a model from a config file: python tools/train.py CONFIG [options]."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if ((CHECKOUT := Path(__file__).resolve().parents[1]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(CHECKOUT))

from bas_mm.command_line import (
    CommandParser,
    close_process_group,
    enable_amp,
    fail,
    fail_on_input_errors,
    hold_folder,
    load_config,
    prepare_devices,
    require_distinct_figures,
    require_file,
    run_command,
    warn,
)
from bas_mm.utils.config_checkpoint import require_whole_checkpoint

if TYPE_CHECKING:
    from mmengine.config import Config
    from mmengine.runner import Runner


def parse_args() -> argparse.Namespace:
    """The command line; paths that must exist do."""
    parser = CommandParser(description='Train a model.')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='go on from a checkpoint; without a name, from the latest in the work folder',
    )
    parser.add_argument('--amp', action='store_true', help='mixed precision')
    parser.add_argument('--no-validate', action='store_true', help='no validation in training')
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help="scale the learning rate by this job's batch over the recipe's",
    )
    parser.add_common_arguments()
    args = parser.parse_args()
    require_file(args.config, 'config')
    if args.resume not in (None, 'auto'):
        require_file(args.resume, 'checkpoint')
    return args


def require_boxes(cfg: 'Config') -> None:
    """Exit with status 2 where a detector's training boxes are not there."""
    from bas_mm.utils.config_datasets import inner_datasets
    from bas_mm.utils.config_types import type_name

    for dataset in inner_datasets((cfg.get('train_dataloader') or {}).get('dataset')):
        if type_name(dataset) == 'CocoDataset':
            path = Path(dataset.get('data_root') or '', dataset.get('ann_file') or '')
            if not path.is_file():
                fail(
                    f'the training boxes {path} (ann_file of train_dataloader.dataset) do not '
                    'exist; tools/det/make_boxes.py makes them from a checkpoint'
                )


def scale_rate(cfg: 'Config', path: str, asked: bool) -> None:
    """Have the rate scaled, or exit with status 2 where the recipe's batch is not told.

    Args:
        cfg (Config): Changed in place.
        path (str): Its file, for the message.
        asked (bool): Whether the command line asks for it; the config may, too.
    """
    from bas_mm.utils.recipe_batch import is_rate_scaled, recipe_batch

    if not asked and not is_rate_scaled(cfg):
        return
    if recipe_batch(cfg) is None:
        fail(
            f'{path}: to have the learning rate scaled, set auto_scale_lr.base_batch_size to the '
            'batch of the recipe, over all its processes, by which it is scaled'
        )
    cfg.auto_scale_lr.enable = True


def scale_by_accumulated_batch(runner: 'Runner') -> None:
    """Have a scaled rate be that of a whole step, of whose iterations mmengine counts one.

    Args:
        runner (Runner): Changed; its config, which is written and may be used again, is not.
    """
    from mmengine.runner import Runner

    from bas_mm.utils.recipe_batch import accumulative_counts, is_rate_scaled, recipe_batch

    counts = accumulative_counts(runner.cfg)
    # Another kind of runner hands the setting on before it can be changed.
    if counts != 1 and is_rate_scaled(runner.cfg) and isinstance(runner, Runner):
        # Where all iterations of a step are the recipe's batch the quotient is whole, and no rate
        # changes.
        base = recipe_batch(runner.cfg) / counts
        runner.auto_scale_lr = dict(runner.auto_scale_lr, base_batch_size=base)


def warn_of_other_batch(cfg: 'Config', path: str) -> None:
    """One line where a job trains with another batch than the recipe's, at the recipe's rate.

    Args:
        cfg (Config): The config.
        path (str): Its file, for the message.
    """
    from mmengine.dist import get_world_size, is_main_process

    from bas_mm.utils.recipe_batch import describe_other_batch

    other = describe_other_batch(cfg, get_world_size())
    if other is not None and is_main_process():
        warn(f'{path}: {other}')


def train(args: argparse.Namespace, cfg: 'Config') -> None:
    """Look at the config and what is in the work folder, build the runner and train."""
    require_boxes(cfg)
    if args.amp:
        enable_amp(cfg)
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
        # What would wait for figures of a validation.
        ((cfg.get('default_hooks') or {}).get('checkpoint') or {}).pop('save_best', None)
    require_distinct_figures(cfg, args.config, 'val_evaluator')
    scale_rate(cfg, args.config, args.auto_scale_lr)
    initial = cfg.get('load_from')
    if args.resume is None and not cfg.get('resume'):
        from bas_mm.utils.last_checkpoint import has_checkpoints

        if has_checkpoints(cfg.work_dir):
            warn(
                f'{cfg.work_dir} has checkpoints of an earlier run, which are overwritten or stay '
                'beside the new ones; go on with --resume, or name another --work-dir'
            )
    if args.resume is not None:
        cfg.resume, cfg.load_from = True, None if args.resume == 'auto' else args.resume
    if cfg.get('resume') and cfg.get('load_from') is None:
        from bas_mm.utils.last_checkpoint import NOTE, repair_note

        if not Path(cfg.work_dir, NOTE).exists():
            # Jobs that are started again say --resume the first time, too.
            cfg.resume, cfg.load_from = False, initial
            begins = f'with the weights of {initial}' if initial else 'anew'
            warn(f'{cfg.work_dir} has no checkpoint to resume from: the training begins {begins}')
        else:
            try:
                repair_note(cfg.work_dir)
            except FileNotFoundError as error:
                fail(f'{error}. Give one by its name: --resume CHECKPOINT')
    if cfg.get('resume'):
        # mmengine would only log what the checkpoint lacks, and train what is left.
        require_whole_checkpoint(cfg)
    prepare_devices(cfg, args.launcher)

    from mmengine.registry import RUNNERS
    from mmengine.runner import Runner

    runner = RUNNERS.build(cfg) if 'runner_type' in cfg else Runner.from_cfg(cfg)
    # Not before: some launchers' processes are counted when the runner is built.
    warn_of_other_batch(cfg, args.config)
    scale_by_accumulated_batch(runner)
    runner.train()


def main() -> None:
    """Train in a work folder of this training alone."""
    args = parse_args()
    cfg = load_config(args.config, args.cfg_options, args.work_dir)
    # Two trainings would each overwrite some of the other's checkpoints. The first process of a job
    # finds out before anything is said of these, and before it meets the others.
    with fail_on_input_errors(cfg, args.config), hold_folder(cfg.work_dir, '--work-dir'):
        train(args, cfg)
    close_process_group()


if __name__ == '__main__':
    run_command(main)
