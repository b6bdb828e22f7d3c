"""Claims about tasks in threads of a job: their order, arguments, errors, and what is kept of them."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref

import pytest

from visalign.io import dask_client
from visalign.io.tasks import Threads


@pytest.mark.parametrize("threads", [1, 3])
def test_results_are_arguments_of_other_tasks_and_come_in_the_lists_they_were_in(threads):
    with Threads(threads) as client:
        two = client.submit(sum, [1, 1], pure=False)
        powers = [[client.submit(pow, two, number, pure=False)] for number in range(20)]
        last = client.submit(max, two, powers[19][0], pure=False)
        assert client.gather([powers, last, []]) == [[[2**number] for number in range(20)], 2**19, []]
    assert sum(client.ncores().values()) == threads


def test_one_thread_does_tasks_in_their_order():
    done = []
    with Threads(1) as client:
        client.gather([client.submit(done.append, number, pure=False) for number in range(50)])
    assert done == list(range(50))


def test_an_error_reaches_whoever_waits_also_through_other_tasks():
    with Threads(2) as client:
        wrong = client.submit(int, "layer", pure=False)
        after = client.submit(str, wrong, pure=False)
        with pytest.raises(ValueError, match="layer"):
            client.gather([client.submit(int, "1", pure=False), after])


def test_what_has_not_begun_when_an_error_ends_the_block_is_left_out():
    begun, held, free = [], threading.Event(), threading.Event()

    def task(number):
        begun.append(number)
        held.set()
        free.wait(10)

    with pytest.raises(KeyError), Threads(1) as client:
        for number in range(5):
            client.submit(task, number, pure=False)
        held.wait(10)
        threading.Timer(0.1, free.set).start()
        raise KeyError
    assert begun == [0]


class Matrix:
    """Something that can be watched."""


def test_what_nobody_holds_is_let_go():
    made = []

    def make():
        made.append(weakref.ref(matrix := Matrix()))
        return matrix

    with Threads(1) as client:
        size = client.submit(id, client.submit(make, pure=False), pure=False)
        client.gather([size, client.submit(int, pure=False)])
        gc.collect()
        assert made[0]() is None


def test_a_job_alone_does_not_import_dask():
    program = (
        "import sys\nfrom visalign.io import dask_client\n"
        "with dask_client.connect() as client:\n"
        "    print(client.gather([client.submit(pow, 2, 5, pure=False)]), 'dask' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[32] False\n"
    with dask_client.connect(threads=4) as client:
        assert client.ncores() == {"threads": 4}
