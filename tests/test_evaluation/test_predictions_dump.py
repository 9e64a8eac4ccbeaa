"""The file of all predictions, from several processes."""

import os
import pickle
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch.distributed as dist
from gloo_pair import run_pair

from bas_mm.evaluation.predictions_dump import PredictionsDump


@dataclass
class Picture:
    """A prediction that notes which process decodes it."""

    number: int
    log: str

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        if dist.is_initialized():
            with open(self.log, 'a') as file:
                file.write(f'{dist.get_rank()} {self.number}\n')


def _worker(rank: int, folder: Path) -> None:
    receive = dist.recv_object_list

    def note(line: str) -> None:
        with open(f'{folder}/order.txt', 'a') as file:
            file.write(f'{line}\n')

    def receive_and_take_time(*args, **kwargs) -> None:
        receive(*args, **kwargs)
        time.sleep(0.5)
        note('received')

    dist.recv_object_list = receive_and_take_time
    # As samplers deal out five pictures: the last one has the first once more.
    _dump(f'{folder}/two.pkl', ([0, 2, 4], [1, 3, 0])[rank], f'{folder}/log.txt')
    if rank == 1:
        note('left')


def _dump(path: str, numbers: list[int], log: str) -> None:
    dump = PredictionsDump(path)
    dump.process({}, [dict(picture=Picture(number, log)) for number in numbers])
    assert dump.evaluate(5) == {}
    assert not os.path.exists(path)
    dump.write()
    assert dump.results == []


def test_two_processes_write_the_file_of_one_and_the_first_alone_decodes(tmp_path):
    run_pair(partial(_worker, folder=tmp_path), tmp_path)
    _dump(str(tmp_path / 'one.pkl'), [0, 1, 2, 3, 4, 0], str(tmp_path / 'log.txt'))
    one, two = (pickle.loads((tmp_path / f'{name}.pkl').read_bytes()) for name in ('one', 'two'))
    assert [prediction['picture'].number for prediction in two] == [0, 1, 2, 3, 4]
    assert one == two
    assert (tmp_path / 'log.txt').read_text().splitlines() == ['0 1', '0 3']
    # Nobody closes the group while something is under way.
    assert (tmp_path / 'order.txt').read_text().split() == ['received', 'received', 'left']
