"""What the commands share that look at pictures."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from bas_mm.command_line import (
    CommandParser,
    fail,
    fail_on_input_errors,
    load_config,
    require_file,
)
from bas_mm.utils.named_configs import find_config

if TYPE_CHECKING:
    from mmengine.config import Config
    from rich.console import Console

    from bas_mm.apis.picture_inferencer import PictureInferencer

__all__ = ['add_inference_arguments', 'run_inference']


def add_inference_arguments(parser: CommandParser) -> None:
    """Add the arguments behind CONFIG that all of these commands have."""
    parser.add_argument('checkpoint', help='checkpoint file or URL')
    parser.add_argument('inputs', nargs='+', help='pictures, folders of pictures, URLs')
    parser.add_argument('--out-dir', metavar='DIR', help='write predictions.json and drawings here')
    parser.add_argument('--no-save-vis', action='store_true', help='write no drawings')
    parser.add_argument('--json', action='store_true', help='print the predictions as JSON')
    parser.add_argument('--show', action='store_true', help='open a window with each drawing')
    parser.add_argument(
        '--wait-time',
        type=float,
        default=0.0,
        help='seconds that it stays; default: 0, until a key is pressed',
    )
    parser.add_argument(
        '--batch-size', type=int, default=1, help='pictures per pass; default: %(default)s'
    )
    parser.add_argument(
        '--device', help='such as cpu or cuda:1; default: an accelerator if there is one'
    )
    parser.add_argument(
        '--skip-unreadable',
        action='store_true',
        help='go on without broken pictures',
    )
    parser.add_config_options()


def run_inference(
    args: argparse.Namespace, make: Callable[[Config | None], PictureInferencer], **own: Any
) -> None:
    """Run an inferencer, print what it finds, and exit with status 2 where something is wrong.

    Without ``--json`` a line is printed as soon as its picture is done: an error or Ctrl-C, which
    gives status 130, takes none away. On a terminal it goes above the bar of the progress.

    Args:
        args (Namespace): The arguments.
        make (Callable): From the config, None for the checkpoint's own, to the inferencer.
        **own (Any): Arguments of its call that other commands do not have.
    """
    cfg = None
    if args.config == '-':
        if args.cfg_options:
            fail('--cfg-options needs a config, which - is not')
    else:
        try:
            args.config = str(find_config(args.config))
        except FileNotFoundError as error:
            fail(str(error))
    require_file(args.checkpoint, 'checkpoint')
    for path in args.inputs:
        if '://' not in path and not os.path.exists(path):
            fail(f'the picture {path} does not exist')
    output = sys.stdout
    console, done = None, 0
    if not args.json and output.isatty() and sys.stderr.isatty():
        from rich.console import Console

        console = Console(file=output)

    def on_prediction(prediction: Any) -> None:
        nonlocal done
        done += 1
        if not args.json:
            _print(prediction, output, console)

    # Standard output is for the predictions: what libraries print goes elsewhere.
    with redirect_stdout(sys.stderr):
        if args.config != '-':
            cfg = load_config(args.config, args.cfg_options)

        from bas_mm.datasets import UnreadableImageError

        try:
            try:
                inferencer = make(cfg)
            except (KeyError, TypeError):
                if cfg is None:
                    raise
                with fail_on_input_errors(cfg, args.config):
                    raise
            inferencer.progress_console = console
            result = inferencer(
                args.inputs,
                args.batch_size,
                return_maps=False,
                out_dir=args.out_dir,
                no_save_vis=args.no_save_vis,
                show=args.show,
                wait_time=args.wait_time,
                skip_unreadable=args.skip_unreadable,
                on_prediction=on_prediction,
                **own,
            )
        except UnreadableImageError as error:
            # The cause lacks the advice to Python's users.
            reason = error.__cause__ or error
            fail(f'{reason}. Take it out, or go on without such pictures by --skip-unreadable')
        except BrokenPipeError:  # nobody reads the lines any more
            raise
        except (ValueError, OSError, ImportError) as error:
            fail(str(error))
        except KeyboardInterrupt:
            print(f'bas_mm: interrupted, {done} pictures are done', file=sys.stderr)
            raise SystemExit(130) from None
    for entry in result['unreadable']:
        print(entry['error'], file=sys.stderr)
    if args.json:
        content = {
            'predictions': [prediction.to_dict() for prediction in result['predictions']],
            'unreadable': result['unreadable'],
            'complete': True,
        }
        print(json.dumps(content, indent=2, allow_nan=False))
    elif args.out_dir is not None:
        _print(f'{done} predictions are in {Path(args.out_dir)}', output)


def _print(line: Any, output: TextIO, console: Console | None = None) -> None:
    """Print a line at once, whatever bytes the names of files are made of.

    Args:
        line (Any): The line.
        output (TextIO): Where to.
        console (Console, optional): The same terminal where it has a bar: it goes above.
    """
    encoding = output.encoding or 'utf-8'
    text = str(line).encode(encoding, 'backslashreplace').decode(encoding)
    if console is None:
        print(text, file=output, flush=True)
    else:
        console.out(text, highlight=False)  # as it is: neither wrapped nor marked up
