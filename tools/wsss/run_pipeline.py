"""From images with labels to a segmentor: python tools/wsss/run_pipeline.py CONFIG [options].

CONFIG is a pipeline's config, such as configs/wsss/pipeline_small_embedded.py: it names the configs
of the networks. The steps run one after the other; stopped or killed, the same command goes on
where it was. A step whose config has changed is run anew, and what depends on it.
"""

import argparse
import os
import sys
import traceback
from pathlib import Path

if ((CHECKOUT := Path(__file__).resolve().parents[2]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(CHECKOUT))

from bas_mm.command_line import OneLineParser, fail, fail_on, require_file, run_command
from bas_mm.utils.worker_processes import usable_cores


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = OneLineParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('config', help="the pipeline's config")
    parser.add_argument(
        '--work-dir', type=Path, help="folder of all outputs; default: the config's"
    )
    parser.add_argument(
        '--gpus',
        type=int,
        default=1,
        help='processes of networks; a training has as many of them as divide its batch; '
        'default: %(default)s',
    )
    parser.add_argument(
        '--num-workers',
        type=int,
        default=usable_cores(),
        help='processes of other work; default: one for each core',
    )
    parser.add_argument('--seed', type=int, help="seed of all trainings; default: the configs'")
    parser.add_argument('--skip', nargs='+', default=[], metavar='STEP', help='steps left out')
    parser.add_argument(
        '--until', metavar='STEP', help='the last step to run; default: that of the pipeline'
    )
    parser.add_argument('--list', action='store_true', help='print the steps, and run none')
    parser.add_argument(
        '--pictures', type=int, default=6, help='pictures of the sheet; default: %(default)s'
    )
    parser.add_argument('--verbose', action='store_true', help='show what the steps print')
    args = parser.parse_args()
    require_file(args.config, 'config')
    for name in ('gpus', 'num_workers'):
        if getattr(args, name) < 1:
            fail(f'--{name.replace("_", "-")} must be at least 1, got {getattr(args, name)}')
    if args.pictures < 0:
        fail(f'--pictures must be 0 or more, got {args.pictures}')
    return args


def main() -> None:
    """Run the steps, print the table, draw the sheet."""
    args = parse_args()

    from bas_mm.utils.config_file import read_config
    from bas_mm.utils.last_checkpoint import find_last_checkpoint
    from bas_mm.utils.markdown_table import markdown_table
    from bas_mm.wsss.pipeline.plan import plan
    from bas_mm.wsss.pipeline.report import read_figures
    from bas_mm.wsss.pipeline.runner import PipelineError, PipelineRunner

    def say(line: str) -> None:
        print(line, flush=True)

    with fail_on(PipelineError, ValueError, OSError):
        cfg = read_config(args.config)
        work_dir = args.work_dir or cfg.get('work_dir')
        if work_dir is None:
            fail(f'{args.config} has no work_dir: give --work-dir')
        work_dir = Path(work_dir)
        steps = plan(cfg, work_dir, args.seed)
        tools = Path(__file__).resolve().parents[1]
        runner = PipelineRunner(
            steps, work_dir, tools, args.gpus, args.num_workers, args.verbose, say
        )
        if args.list:
            for step in steps:
                if step.left_out:
                    say(f'{step.name}: left out, {step.left_out}')
                    continue
                say(f'{step.name}: {step.what}')
                for command in step.commands:
                    say(f'    {runner.command_line(command)}')
            return
        runner.run(args.skip, args.until)
        # Figures of other settings must not stand beside those of now.
        outdated = runner.outdated()
        figures = read_figures(work_dir, outdated)
    state = runner.state
    done = [step.name for step in steps if state.fingerprint(step.name)]
    seconds = [(name, f'{state.seconds(name):.0f}') for name in done]
    say('\n' + markdown_table([('step', 's'), *seconds]))
    if figures:
        rows = [('', 'mIoU'), *((name, f'{value:.2f}') for name, value in figures.items())]
        say('\n' + markdown_table(rows))
    trained = state.is_done('segmentor') and work_dir / 'segmentor' not in outdated
    if (trained or 'segmentor' in figures) and args.pictures:
        from bas_mm.utils.input_errors import describe_input_error

        base = Path(cfg.filename).parent
        try:
            from bas_mm.apis.pipeline_sheet import draw_sheet

            sheet = draw_sheet(
                base / cfg.bas,
                base / cfg.segmentor,
                find_last_checkpoint(work_dir / 'segmentor'),
                work_dir,
                args.pictures,
            )
        except Exception as error:  # networks and transforms of any package work here
            if os.environ.get('BAS_MM_TRACEBACK') == '1':
                traceback.print_exc()
            said = describe_input_error(error, {}) or f'{type(error).__name__}: {error}'
            # What the steps have made is whole without it.
            print(f'The steps are done; sheet.png could not be drawn: {said}', file=sys.stderr)
        else:
            say(f'\nPictures, seeds, masks, predictions and what true masks there are: {sheet}')


if __name__ == '__main__':
    run_command(main)
