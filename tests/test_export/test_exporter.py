"""Files of both kinds: their numbers, what they say about themselves, and when there is none."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from tiny import tiny_model, tiny_model_cfg, tiny_multi_label_model

from bas_mm.datasets.transforms import PackLocalizationInputs
from bas_mm.export import exporter
from bas_mm.export.errors import ExportError
from bas_mm.export.exported_classifier import ExportedClassifier
from bas_mm.export.exporter import export_checkpoint, export_classifier
from bas_mm.registry import MODELS

ROOT = Path(__file__).resolve().parents[2]
SIZE = (40, 48)
# Tests of ONNX files need packages that training does not.
onnx = pytest.importorskip('onnx', reason='the extra `export` is not installed')
onnxruntime = pytest.importorskip('onnxruntime', reason='the extra `export` is not installed')
pytest.importorskip('onnxscript', reason='the extra `export` is not installed')


def _inputs(exported: ExportedClassifier, n: int, size=SIZE) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(n)
    images = torch.randint(256, (n, 3, *size), dtype=torch.uint8, generator=generator)
    if exported.maps != 'given':
        return (images,)
    return images, torch.randint(exported.num_classes, (n,), generator=generator)


def _session(path: Path):
    return onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])


def _check_onnx(path: Path, exported: ExportedClassifier, batches, size=SIZE) -> None:
    session = _session(path)
    assert tuple(value.name for value in session.get_inputs()) == exported.input_names
    assert tuple(value.name for value in session.get_outputs()) == exported.output_names
    for n in batches:
        inputs = _inputs(exported, n, size)
        feed = {k: v.numpy() for k, v in zip(exported.input_names, inputs)}
        with torch.no_grad():
            expected = exported(*inputs)
        scores, maps = session.run(None, feed)
        assert scores.dtype == maps.dtype == np.float32
        np.testing.assert_allclose(scores, expected[0].numpy(), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(maps, expected[1].numpy(), rtol=1e-4, atol=1e-4)


CASES = {
    'BAS, K=2': lambda: ExportedClassifier(tiny_model(topk=2)),
    'BAS, all classes': lambda: ExportedClassifier(tiny_model(norm=False, topk=-1)),
    # VGG11: fewer nodes.
    'BAS, a class': lambda: ExportedClassifier(tiny_model(norm=False), 'given'),
    'CAM, K=1': lambda: ExportedClassifier(tiny_model('CAMClassifier', norm=False, topk=1)),
    'BAS-Seg': lambda: ExportedClassifier(tiny_multi_label_model()),
}


@pytest.mark.parametrize('case', CASES)
def test_onnx_of_any_batch_gives_the_numbers_of_the_classifier(case, tmp_path):
    exported = CASES[case]()
    path = tmp_path / 'a.onnx'
    result = export_classifier(exported, path, SIZE, dynamic_batch=True)
    # Traced with two pictures.
    _check_onnx(path, exported, (1, 2, 5))
    assert result.checked_with.startswith('onnxruntime ')
    assert set(result.differences) == set(exported.output_names)
    assert result.shapes['images'] == ('N', 3, *SIZE)
    assert result.num_bytes == path.stat().st_size
    dims = {v.name: v.shape for v in _session(path).get_outputs()}
    assert [('batch', *result.shapes[k][1:]) for k in dims] == [tuple(v) for v in dims.values()]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize('case', ['BAS, K=2', 'BAS, a class'])
def test_pt2_of_any_batch_gives_the_numbers_of_the_classifier(case, tmp_path):
    exported = CASES[case]()
    trained = [weight.requires_grad for weight in exported.parameters()]
    assert any(trained)
    path = tmp_path / 'a.pt2'
    result = export_classifier(exported, path, SIZE, dynamic_batch=True, metadata={'topk': 2})
    assert result.checked_with == f'torch {torch.__version__}'
    extra = {'metadata.json': ''}
    loaded = torch.export.load(str(path), extra_files=extra).module()
    assert json.loads(extra['metadata.json']) == {'topk': 2}
    with torch.no_grad():
        for n in (1, 2, 5):
            inputs = _inputs(exported, n)
            for value, wanted in zip(loaded(*inputs), exported(*inputs), strict=True):
                assert torch.equal(value, wanted)
    # Without no_grad too, and the classifier is left as it was.
    assert not any(value.requires_grad for value in loaded(*inputs))
    assert [weight.requires_grad for weight in exported.parameters()] == trained


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A config file's content and a checkpoint as training leaves it."""
    folder = tmp_path_factory.mktemp('trained')
    model = tiny_model(topk=2, threshold=0.3)
    meta = dict(dataset_meta=dict(classes=('ant', 'bee', 'cat', 'dog')))
    torch.save(dict(state_dict=model.state_dict(), meta=meta), folder / 'c.pth')
    pipeline = [
        dict(type='LoadLocImage'),
        dict(type='LocResize', scale=(56, 48)),
        dict(type='LocCenterCrop', crop_size=SIZE),
        dict(type='PackLocalizationInputs'),
    ]
    dataset = dict(type='SplitFolder', pipeline=pipeline)
    cfg = dict(model=tiny_model_cfg(topk=2, threshold=0.3), test_dataloader=dict(dataset=dataset))
    return Config(cfg), str(folder / 'c.pth'), ExportedClassifier(model)


METADATA = dict(
    bas_mm_version='0.1.0',
    model='BASClassifier',
    view_size=list(SIZE),
    colours='RGB',
    maps='predicted',
    topk=2,
    threshold=0.3,
    classes=['ant', 'bee', 'cat', 'dog'],
    test_pipeline=[
        {
            'type': 'LoadLocImage',
            'to_float32': False,
            'color_type': 'color_ignore_orientation',
            'imdecode_backend': 'cv2',
            'check_size': True,
            'backend_args': None,
        },
        {
            'type': 'LocResize',
            'scale': [56, 48],
            'interpolation': 'bilinear',
            'backend': 'cv2',
        },
        {'type': 'LocCenterCrop', 'crop_size': list(SIZE)},
        {
            'type': 'PackLocalizationInputs',
            'meta_keys': list(PackLocalizationInputs.DEFAULT_META_KEYS),
        },
    ],
)


def test_an_onnx_file_of_one_picture_describes_itself_and_nothing_of_this_machine(
    trained, tmp_path
):
    cfg, checkpoint, exported = trained
    path = tmp_path / 'a.onnx'
    result = export_checkpoint(cfg, checkpoint, path)
    assert result.shapes == {'images': (1, 3, *SIZE), 'scores': (1, 4), 'map': (1, 5, 6)}
    _check_onnx(path, exported, (1,))
    with pytest.raises(Exception, match='images'):
        _session(path).run(None, {'images': _inputs(exported, 2)[0].numpy()})
    said = _session(path).get_modelmeta().custom_metadata_map
    assert {k: json.loads(v) for k, v in said.items()} == METADATA
    proto = onnx.load(str(path))
    assert [(entry.domain, entry.version) for entry in proto.opset_import] == [('', 18)]
    assert proto.ir_version == 8, 'onnxruntime before 1.18 refuses newer ones'
    content = path.read_bytes()
    for place in (ROOT, Path(torch.__file__).parent):
        assert str(place).encode() not in content


def test_a_pt2_file_describes_itself_and_runs_without_bas_mm(trained, tmp_path):
    cfg, checkpoint, exported = trained
    path = tmp_path / 'a.pt2'
    export_checkpoint(cfg, Path(checkpoint), path)
    (images,) = _inputs(exported, 1)
    torch.save(images, tmp_path / 'images.pt')
    code = (
        'import json, sys, torch\n'
        'for name in ("bas_mm", "mmengine", "mmpretrain"): sys.modules[name] = None\n'
        'extra = {"metadata.json": ""}\n'
        'run = torch.export.load("a.pt2", extra_files=extra).module()\n'
        'torch.save(run(torch.load("images.pt")), "out.pt")\n'
        'print(extra["metadata.json"])\n'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == METADATA
    for value, wanted in zip(torch.load(tmp_path / 'out.pt'), exported(images), strict=True):
        torch.testing.assert_close(value, wanted)
    content = path.read_bytes()
    for place in (ROOT, Path(torch.__file__).parent):
        assert str(place).encode() not in content


def test_a_file_that_fails_its_check_is_not_written(tmp_path, monkeypatch):
    path = tmp_path / 'a.pt2'
    path.write_bytes(b'before')
    exported = ExportedClassifier(tiny_model())
    content, runner = exporter._FORMATS['.pt2']

    def wrong(data: bytes):
        name, run = runner(data)
        return name, lambda *inputs: (run(*inputs)[0], run(*inputs)[1] + 1e-3)

    monkeypatch.setitem(exporter._FORMATS, '.pt2', (content, wrong))
    with pytest.raises(ExportError, match='map of the file and of the classifier differ by 0.001'):
        export_classifier(exported, path, SIZE)
    assert path.read_bytes() == b'before'
    assert export_classifier(exported, path, SIZE, check=False).checked_with is None
    assert torch.export.load(io.BytesIO(path.read_bytes()))


@pytest.mark.parametrize('name', ['a.onnx', 'a.pt2'])
def test_pictures_that_are_too_small_are_refused(name, tmp_path):
    exported = ExportedClassifier(tiny_model())
    with pytest.raises(ExportError, match='does not run on pictures of 2x3 pixels: '):
        export_classifier(exported, tmp_path / name, (3, 2))
    assert list(tmp_path.iterdir()) == []


def test_settings_and_checkpoints_that_do_not_fit_are_named(trained, tmp_path):
    cfg, checkpoint, exported = trained
    out = tmp_path / 'a.pt2'

    bare = Config(dict(model=cfg.model))
    with pytest.raises(ExportError, match=r'has no test pipeline \(test_datal.*\(--size\)'):
        export_checkpoint(bare, checkpoint, out)
    pipeline = [dict(type='LoadLocImage'), dict(type='PackLocalizationInputs')]
    bare.test_dataloader = dict(dataset=dict(type='SplitFolder', pipeline=pipeline))
    with pytest.raises(ExportError, match=r'makes views of several sizes: .*\(--size\)'):
        export_checkpoint(bare, checkpoint, out)
    with pytest.raises(ExportError, match=r'the name must end in \.onnx or \.pt2'):
        export_checkpoint(cfg, checkpoint, tmp_path / 'a.pth')

    # What is wrong with the model is said before what is wrong with the size.
    segmentor = Config.fromfile(ROOT / 'configs/deeplabv2/deeplabv2_small_embedded.py')
    with pytest.raises(ExportError, match='^MultiScaleEncoderDecoder cannot be exported; BASCl'):
        export_checkpoint(segmentor, checkpoint, out)

    state = exported.model.state_dict()
    del state['generator.conv.weight']
    torch.save(dict(state_dict=state), tmp_path / 'lacks.pth')
    with pytest.raises(ExportError, match=r'lacks\.pth: .*missing 1: generator\.conv\.weight'):
        export_checkpoint(cfg, str(tmp_path / 'lacks.pth'), out)

    (tmp_path / 'broken.pth').write_bytes(Path(checkpoint).read_bytes()[:5000])
    with pytest.raises(ExportError, match=r'the checkpoint \S+broken\.pth cannot be read \('):
        export_checkpoint(cfg, str(tmp_path / 'broken.pth'), out)

    saved = torch.load(checkpoint, weights_only=False)
    saved['meta']['dataset_meta']['classes'] = ('ant', 'bee')
    torch.save(saved, tmp_path / 'two.pth')
    with pytest.raises(ExportError, match=r'trained on 2 classes, model\.head\.num_classes is 4'):
        export_checkpoint(cfg, str(tmp_path / 'two.pth'), out)
    assert not out.exists()


@pytest.mark.slow
@pytest.mark.parametrize('backbone', ['vgg16', 'mobilenetv1', 'resnet50', 'inceptionv3'])
def test_the_backbones_of_the_paper(backbone, repo_dir, randomize, tmp_path):
    cfg = Config.fromfile(repo_dir / f'configs/bas/bas_{backbone}_cub.py')
    # K of 200 classes, through TopK and Gather; the hidden layers only make files large.
    cfg.model.test_cfg.topk = 80
    cfg.model.head.hidden_channels = 16
    model = MODELS.build(cfg.model)
    randomize(model)
    exported = ExportedClassifier(model)
    export_classifier(exported, tmp_path / 'a.onnx', (64, 64), dynamic_batch=True)
    _check_onnx(tmp_path / 'a.onnx', exported, (1, 3), (64, 64))
