"""tools/analysis_tools/report.py: figures, pictures, errors, and the page in a real browser."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from tiny_project import ROOT, TinyProject

from bas_mm.evaluation.functional import box_iou
from bas_mm.registry import MODELS

TOOL = 'analysis_tools/report.py'
CAM = ROOT / 'configs/cam/cam_small_embedded_masks.py'
BAS = ROOT / 'configs/bas/bas_small_embedded_masks.py'
BROWSER = next(
    filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None
)


def write_checkpoint(config: Path, file: Path, seed: int) -> Path:
    """Weights of the config's model that no training has seen."""
    init_default_scope('bas_mm')
    torch.manual_seed(seed)
    model = MODELS.build(Config.fromfile(config).model)
    model.init_weights()
    torch.save({'state_dict': model.state_dict(), 'meta': {}}, file)
    return file


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    return TinyProject(tmp_path_factory.mktemp('report'))


@pytest.fixture(scope='module')
def options(project):
    """A few pictures of the embedded set."""
    settings = []
    for loader in ('train', 'val', 'test'):
        dataset = f'{loader}_dataloader.dataset'
        settings.append(f'{dataset}.data_root={project.folder / "embedded"}')
        settings += [f'{dataset}.num_{k}={n}' for k, n in (('train', 8), ('val', 8), ('test', 24))]
    return ['--cfg-options', *settings]


@pytest.fixture(scope='module')
def runs(project):
    """Arguments of two runs on the embedded set."""
    return [
        *('--run', 'CAM', CAM, write_checkpoint(CAM, project.folder / 'cam.pth', 0)),
        *('--run', 'B<A>S', BAS, write_checkpoint(BAS, project.folder / 'bas.pth', 1)),
    ]


@pytest.fixture(scope='module')
def page(project, runs, options):
    """The report of these runs."""
    out = project.folder / 'page' / 'report.html'
    # A loader that shuffles does not put a picture under another one's name.
    shuffled = 'test_dataloader.sampler.shuffle=True'
    done = project.run_here(TOOL, *runs, '--out', out, '--pictures', 3, *options, shuffled)
    assert re.search(r'\d+ pictures drawn; [\d.]+ MB: .*report.html', done.stdout)
    return out


def figures_of(text):
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', text)
    return {name: re.findall(r'data-v="([^"]*)"', row) for name, row in rows}


def test_figures_are_those_of_the_test(project, page, options):
    out = project.folder / 'figures.json'
    project.run_here('test.py', BAS, project.folder / 'bas.pth', '--out', out, *options)
    expected = json.loads(out.read_text())
    text = page.read_text()
    shown = figures_of(text)
    for name, key in (
        ('GT-Known Loc', 'gt_known'), ('IoU ≥ 0.3', 'iou_30'), ('MaxBoxAcc', 'max_box_acc'),
        ('MaxBoxAccV2', 'max_box_acc_v2'), ('PxAP', 'pxap'), ('pIoU', 'piou'),
    ):  # fmt: skip
        value = expected[f'localization/{key}']
        assert float(shown[name][1]) == pytest.approx(value, rel=1e-5)
    # Each chart's dots are the figures.
    legends = dict(re.findall(r'<h3>([^<]*)</h3><svg.*?</svg><ul class="legend">(.*?)</ul>', text))
    for head, keys in {
        'BoxAcc of all contours (MaxBoxAccV2) over τ, IoU ≥ 0.3 (%)': ['max_box_acc_v2_30'],
        'BoxAcc of all contours (MaxBoxAccV2) over τ, IoU ≥ 0.5 (%)': [
            'max_box_acc_v2_50',
            'max_box_acc',
        ],
        'Precision of pixels over recall (%)': ['pxap'],
    }.items():
        values = re.findall(r'B&lt;A&gt;S</span> (?:PxAP )?([\d.]+)', legends[head])
        expected_values = [f'{expected[f"localization/{key}"]:.2f}' for key in keys]
        assert values == expected_values, head
    assert float(shown['PxAP'][2]) == pytest.approx(
        float(shown['PxAP'][1]) - float(shown['PxAP'][0]), abs=1e-3
    )


def test_pictures_show_what_was_measured(project, page):
    """Each drawn box has the IoU of the result file, and the chosen ones are the extremes."""
    text = page.read_text()
    measured = json.loads((project.folder / 'work_dirs/report/run_1/report_fixed.json').read_text())
    rows = {row['image_id']: row for row in measured['images']}
    assert len(rows) == 24
    cards = re.findall(r'<article.*?</article>', text)
    best = []
    for card in cards:
        row = rows[re.search(r'class="soft break">(.*?)<', card)[1]]
        assert float(re.search(r'data-iou="(.*?)"', card)[1]) == pytest.approx(row['iou'], abs=1e-6)
        boxes = {}
        for *numbers, kind in re.findall(
            r'<rect x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)" class="(\w+)"', card
        ):
            x, y, width, height = map(int, numbers)
            boxes[kind] = [x, y, x + width, y + height]
        assert boxes['predicted'] == [row[k] for k in ('x0', 'y0', 'x1', 'y1')]
        # Of the protocol's boxes only the predicted one ends past its last pixel.
        true = np.array([boxes['true']]) - [0, 0, 1, 1]
        iou = box_iou([boxes['predicted']], true).item()
        assert iou == pytest.approx(row['iou'], abs=1e-6), 'the picture is the one that is named'
        if 'best' in re.search(r'data-kinds="(.*?)"', card)[1].split():
            best.append(row['iou'])
    assert sorted(best) == sorted(row['iou'] for row in rows.values())[-3:]
    # Of each of the eight classes a best and a worst one.
    assert len(re.findall('data-kinds="[^"]*class', text)) == 16


def run_browser(page, fragment, tmp_path, *options):
    """The page as it is after its script ran."""
    done = subprocess.run(
        [
            BROWSER, '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic',
            '--no-first-run', '--disable-background-networking', '--disable-component-update',
            '--disable-sync', f'--user-data-dir={tmp_path}', '--virtual-time-budget=2000',
            *options, '--dump-dom', f'{page.as_uri()}{fragment}',
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def visible(dom, tag, attributes):
    found = re.findall(rf'<{tag} {attributes}[^>]*>', dom)
    return [element for element in found if ' hidden' not in element]


@pytest.mark.skipif(BROWSER is None, reason='there is no Chromium to open the page in')
def test_filters_in_a_browser(page, tmp_path):
    whole = run_browser(page, '', tmp_path / 'a')
    rows, cards = (r'tr', r'data-class='), ('article', 'class="box card')
    assert len(visible(whole, *rows)) == 8
    assert len(visible(whole, *cards)) == whole.count('<article') > 8
    assert 'class="tools script" id="tools">' in whole, 'the tools are shown by the script'
    assert '24 of 24 pictures' in whole

    fox = run_browser(page, '#class=Banded_Fox&show=class', tmp_path / 'b')
    assert len(visible(fox, *rows)) == 1
    assert 'banded_fox</button>' in re.search(r'<tr data-class="\d+">(.*?)</tr>', fox)[1]
    own = visible(fox, *cards)
    assert len(own) == 2
    assert {re.search(r'data-class="(\d+)"', card)[1] for card in own} == {'0'}
    assert '3 of 24 pictures, 2 of them drawn' in fox
    # The histogram is that of the three pictures: all bars together are the whole.
    height = 188 / float(re.findall(r'share">(\d+)<', fox)[-1]) * 100
    for method in (0, 1):
        bars = re.findall(rf'<rect class="bar m{method}"[^>]*height="([\d.]+)"', fox)
        assert sum(map(float, bars)) == pytest.approx(height, rel=0.03)
        assert sum(float(bar) > 0 for bar in bars) <= 3

    # A part of a name stands for all that have it.
    banded = run_browser(page, '#class=banded', tmp_path / 'c')
    assert len(visible(banded, *rows)) == 2
    # The worst come first.
    worst = run_browser(page, '#show=worst', tmp_path / 'd')
    shown = [float(re.search(r'iou="([\d.]+)', card)[1]) for card in visible(worst, *cards)]
    assert len(shown) == 3
    assert shown == sorted(shown)


# Clicks on the page, and notes what became of it.
CLICKS = """
<script>
const log = {}, all = (selector) => Array.from(document.querySelectorAll(selector));
const column = (i) => all('#classes tbody tr').map((row) => row.cells[i].dataset.v);
for (const [i, head] of all('#classes th[data-column]').entries()) {
  for (const click of ['first', 'second']) {
    head.querySelector('button').click();
    log[`${i} ${click}`] = [head.getAttribute('aria-sort'), column(i)];
  }
}
all('#classes tbody tr')[2].querySelector('button').click();
log.chosen = all('#classes tbody tr')[2].dataset.class;
log.card = document.querySelector('.card:not([hidden])').getBoundingClientRect().top;
log.bar = document.querySelector('.tools').getBoundingClientRect().bottom;
log.window = innerHeight;
for (const kind of ['#classes tbody tr', '.card'])
  log[kind] = all(`${kind}:not([hidden])`).map((element) => element.dataset.class);
heat.value = '0.2';
heat.dispatchEvent(new Event('input'));
log.map = getComputedStyle(document.querySelector('.heat')).opacity;
document.body.append(Object.assign(document.createElement('pre'), {
  id: 'log', textContent: JSON.stringify(log)}));
</script>
"""


def run_script(page, script, tmp_path, *options):
    """What a script at the page's end notes in its log."""
    file = tmp_path / 'page.html'
    file.write_text(page.read_text().replace('</body>', f'{script}</body>'))
    dom = run_browser(file, '', tmp_path / 'browser', *options)
    return json.loads(unescape(re.search(r'<pre id="log">(.*?)</pre>', dom)[1]))


@pytest.mark.skipif(BROWSER is None, reason='there is no Chromium to open the page in')
def test_clicks_in_a_browser(page, tmp_path):
    log = run_script(page, CLICKS, tmp_path)
    columns = sum(key.endswith('first') for key in log)
    assert columns == 2 + 4 * 3, 'class, pictures, and two runs and their difference of each figure'
    for index in range(columns):
        for click, order in (('first', 'descending'), ('second', 'ascending')):
            sort, values = log[f'{index} {click}']
            assert sort == order
            known = [v if index == 0 else float(v) for v in values if v != '']
            assert known == sorted(known, reverse=order == 'descending')
            assert values[: len(known)] == [v for v in values if v != ''], 'the unknown come last'
    assert log['#classes tbody tr'] == [log['chosen']]
    assert log['.card']
    assert set(log['.card']) == {log['chosen']}
    assert log['map'] == '0.2'


@pytest.mark.skipif(BROWSER is None, reason='there is no Chromium to open the page in')
@pytest.mark.parametrize('width', [500, 1280])
def test_a_chosen_class_is_not_below_the_bar(page, width, tmp_path):
    """Whose height depends on the width of the window."""
    log = run_script(page, CLICKS, tmp_path, f'--window-size={width},300')
    assert max(log['bar'], 0) <= log['card'] < log['window']


@pytest.mark.skipif(BROWSER is None, reason='there is no Chromium to open the page in')
def test_long_names_wrap(page, tmp_path):
    long = tmp_path / 'long.html'
    text = page.read_text().replace('banded_fox', 'banded_fox' * 20)
    long.write_text(text.replace('<h1>', f'<h1>{"run" * 100}'))
    script = """
<script>
const wide = (element) => element.scrollWidth - element.clientWidth;
document.body.append(Object.assign(document.createElement('pre'), {
  id: 'log', textContent: JSON.stringify({
    page: wide(document.documentElement), cards: cards.map(wide)})}));
</script>
"""
    log = run_script(long, script, tmp_path)
    assert log['page'] == 0
    assert set(log['cards']) == {0}


def test_one_run_with_a_crop(project):
    """The tiny project's pipeline crops: the curve is that of the boxes in the crop."""
    checkpoint = write_checkpoint(project.config, project.folder / 'tiny.pth', 2)
    out = project.folder / 'one.html'
    arguments = ['--run', 'tiny', project.config, checkpoint, '--out', out, '--pictures', 2]
    project.run_here(TOOL, *arguments, '--per-class', 0)
    text = out.read_text()
    shown = figures_of(text)
    assert 'GT-Known Loc' in shown
    assert 'MaxBoxAcc' not in shown
    assert all(len(values) == 1 for values in shown.values())
    # Three θ in the config's metric: the best is taken, and that is said.
    assert 'the best of 3 on these very pictures' in text
    # Of three δ, and of MaxBoxAcc.
    assert text.count('(of the crop)') == 4
    assert text.count('<article') == 4
    assert 'Precision of pixels' not in text
    assert 'No masks were loaded' in text


def test_masks_alone(project, options, runs):
    config = project.folder / 'masks.py'
    config.write_text(
        f"_base_ = '{BAS}'\n"
        "test_dataloader = dict(dataset=dict(localization='masks'))\n"
        "test_evaluator = dict(_delete_=True, type='PxAP')\n"
    )
    out = project.folder / 'masks.html'
    arguments = ['--run', 'BAS', config, runs[-1], '--out', out, '--pictures', 2]
    project.run_here(TOOL, *arguments, *options)
    text = out.read_text()
    assert set(figures_of(text)) == {'PxAP', 'pIoU'}
    assert '<path d="M' in text
    assert text.count('class="predicted"') == text.count('<article')
    assert 'IoU of pixels, at its best threshold' in text


def test_errors(project, runs, options, tmp_path):
    def error(*arguments):
        done = project.run_here(TOOL, *arguments, check=False)
        assert done.returncode == 2
        return done.stderr.splitlines()[-1]

    assert 'the config nowhere.py does not exist' in error('--run', 'a', 'nowhere.py', runs[3])
    assert 'the checkpoint nowhere.pth does not' in error('--run', 'a', CAM, 'nowhere.pth')
    assert 'two runs have one name' in error(*runs[:4], *runs[:4])
    assert f'--out {tmp_path} is a folder' in error(*runs, '--out', tmp_path)
    assert '--pictures must not be negative' in error(*runs, '--pictures', -1)
    assert '--per-class must not be negative' in error(*runs, '--per-class', -2)
    other = tmp_path / 'other.py'
    other.write_text(f"_base_ = '{BAS}'\ntest_dataloader = dict(dataset=dict(indices=20))\n")
    out = tmp_path / 'never.html'
    arguments = [*runs[:4], '--run', 'BAS', other, runs[-1], '--out', out, *options]
    results = project.folder / 'work_dirs' / 'report' / 'run_0' / 'report_fixed.json'
    results.unlink(missing_ok=True)
    message = error(*arguments)
    assert 'CAM and BAS have different pictures, 24 and 20' in message
    assert not out.exists()
    seven = [part for i in range(7) for part in ('--run', f'run {i}', *runs[2:4])]
    assert 'a report has 1 to 6 runs, got 7' in error(*seven, '--out', out, *options)
    weights = torch.load(runs[-1])
    del weights['state_dict']['generator.conv.weight']
    torch.save(weights, tmp_path / 'lacks.pth')
    content = Path(runs[-1]).read_bytes()
    (tmp_path / 'cut.pth').write_bytes(content[: len(content) // 2])
    for name, reason in (('lacks', 'missing 1: generator.conv'), ('cut', 'cannot be read')):
        second = ['--run', 'BAS', BAS, tmp_path / f'{name}.pth']
        message = error(*runs[:4], *second, '--out', out, *options)
        assert f'{name}.pth' in message
        assert reason in message
    assert not results.exists(), 'it is said before anything is tested'
    weak = tmp_path / 'weak.py'
    weak.write_text(
        f"_base_ = '{BAS}'\n"
        "test_dataloader = dict(dataset=dict(localization='masks', pipeline=["
        "dict(type='LoadLocImage'), dict(type='PackLocalizationInputs')]))\n"
    )
    message = error('--run', 'BAS', weak, runs[-1], '--out', out, *options)
    assert 'BAS: the test pictures have no boxes, and no masks were loaded (LoadLocMask' in message


def test_errors_of_one_run_are_said_with_its_config(project, runs, options, tmp_path):
    """Where they come from mmengine or a disk, too."""
    out = tmp_path / 'never.html'
    other = tmp_path / 'other.py'
    other.write_text(f"_base_ = '{BAS}'\nmodel = dict(head=dict(type='BASHed'))\n")
    command = [*runs[:4], '--run', 'BAS', other, runs[-1], '--out', out]

    def said(*arguments):
        done = project.run_here(TOOL, *arguments, check=False)
        assert done.returncode == 2
        return done.stderr.splitlines()[-1]

    message = said(*command, *options)
    expected = (
        f"{other}: model.head.type='BASHed': there is no model of this name; like it are BASHead"
    )
    assert expected in message
    work = tmp_path / 'work'
    work.mkdir()
    (work / 'run_0').touch()
    message = said(*runs, '--out', out, '--work-dir', work, *options)
    assert message.startswith(f'report.py: error: {CAM}: {work / "run_0"}')
    assert message.endswith('is no folder')


def test_a_broken_picture(tmp_path):
    project = TinyProject(tmp_path)
    checkpoint = write_checkpoint(project.config, tmp_path / 'tiny.pth', 2)
    picture = tmp_path / 'data/images/val/0003.png'
    picture.write_bytes(picture.read_bytes()[:100])
    arguments = ['--run', 'tiny', 'tiny.py', checkpoint, '--out', 'a.html']
    done = project.run_here(TOOL, *arguments, check=False)
    assert done.returncode == 2
    expected = 'report.py: error: tiny.py: unreadable picture '
    assert done.stderr.splitlines()[-1].startswith(expected)
    assert '0003.png' in done.stderr.splitlines()[-1]
