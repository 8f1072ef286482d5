"""Two processes (gloo) give the loss and the gradients of one process with the whole batch."""

import os
import socket

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from tiny_models import TinyEncoder, batch, visual_text, vocabulary
from torch.nn.parallel import DistributedDataParallel

from microgesture.recognition import create_objective
from microgesture.recognition.gather import gather_with_gradient

ROWS = 7
SPLITS = {"even-ish": (4, 3), "one row in the last batch": (6, 1)}
CASES = {
    "none": lambda: visual_text(prompting="none"),
    "handcrafted": lambda: visual_text(prompting="handcrafted"),
    "pooled": lambda: visual_text(prompting="pooled", similarity="released"),
    "tokens": lambda: visual_text(prompting="tokens", target="released"),
    "clip": lambda: visual_text(prompting="tokens", conditioning="clip"),
    "supervised": lambda: _classified("supervised"),
    "classifier": lambda: _classified("classifier"),
}


def _classified(name):
    torch.manual_seed(0)
    return create_objective(name, TinyEncoder(), None, vocabulary(), dropout=0.0).double()


def _loss_and_gradients(objective, run, data):
    losses = run(data)
    loss = sum(value for name, value in losses.items() if name.endswith("_loss"))
    loss.backward()
    return loss.item(), {n: p.grad for n, p in objective.named_parameters() if p.requires_grad}


def _work(rank, port, folder):
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    results = {}
    for split, counts in SPLITS.items():
        first = sum(counts[:rank])
        part = {k: v[first : first + counts[rank]] for k, v in batch(ROWS).items()}
        for case, make in CASES.items():
            objective = make()
            results[split, case] = _loss_and_gradients(objective, DistributedDataParallel(objective), part)
        gathered = gather_with_gradient(part["label"])
        assert torch.equal(gathered, batch(ROWS)["label"])
    torch.save(results, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gloo")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    mp.spawn(_work, args=(port, str(folder)), nprocs=2)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("case", CASES)
def test_two_processes_equal_one(two_processes, split, case):
    objective = CASES[case]()
    loss, gradients = _loss_and_gradients(objective, objective, batch(ROWS))
    for rank in range(2):
        their_loss, their_gradients = two_processes[rank][split, case]
        assert their_loss == pytest.approx(loss, abs=1e-12)
        assert set(their_gradients) == set(gradients)
        for name, value in gradients.items():
            assert torch.allclose(their_gradients[name], value, rtol=0, atol=1e-11), name


def test_one_process_gathers_nothing():
    tensor = torch.randn(3, 2, requires_grad=True)
    assert gather_with_gradient(tensor) is tensor
