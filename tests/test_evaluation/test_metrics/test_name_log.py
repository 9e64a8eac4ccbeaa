"""Names in little memory."""

import random

from bas_mm.evaluation.metrics.name_log import NameLog


def log_of(names):
    log = NameLog()
    for name in names:
        log.add(name)
    return log


def test_names_come_back_in_order():
    names = [f'val/ILSVRC2012_val_{i:08d}.JPEG' for i in range(20000)] + ['ü/ç.jpg', ' ', 'x' * 99]
    log = log_of(names)
    packed = log.packed()
    assert list(NameLog.names(packed)) == names
    assert len(packed) < 8 * len(names)
    # It may be asked in between, and goes on.
    assert log.packed() == packed
    log.add('one more')
    assert list(NameLog.names(log.packed())) == [*names, 'one more']
    assert list(NameLog.names(NameLog().packed())) == []


def test_repeated_names_within_and_across_logs():
    # Dealt out in turn: f0 f1 f2, f3 f4 f0, f1 f3
    logs = [log_of(names).packed() for names in (['f0', 'f3', 'f1'], ['f1', 'f4', 'f3'], ['f2'])]
    assert NameLog.repeated(logs) == ['f3', 'f1'] or NameLog.repeated(logs) == ['f1', 'f3']
    assert NameLog.repeated(logs[::2]) == []
    assert NameLog.repeated([log_of(['a', 'a', 'a', 'b']).packed()]) == ['a']
    assert NameLog.repeated([]) == []


def test_repeated_names_are_found_among_many():
    names = [f'{random.Random(i).getrandbits(64):016x}.jpg' for i in range(5000)]
    names[4321] = names[17]
    logs = [log_of(names[rank::3]).packed() for rank in range(3)]
    assert NameLog.repeated(logs) == [names[17]]
    # Random hexadecimal digits: 8 bytes, and a bit for the rest.
    assert sum(map(len, logs)) < 14 * len(names)
