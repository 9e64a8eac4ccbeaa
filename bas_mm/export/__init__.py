"""Classifiers as files that other programs run: ONNX and ``torch.export``.

Nothing is imported here: the command says which package is missing before it imports torch.
"""
