"""Compiled models with weights replicated (DDP) or split (FSDP2) over two processes."""

import copy
import os

import pytest
import torch
from torch import distributed, multiprocessing, nn

from recurra_lstm.cell import LSTM

WAYS = ("replicated", "split")


class Net(nn.Module):
    """Two cells and a readout."""

    def __init__(self):
        super().__init__()
        self.first, self.second = LSTM(4, hidden_size=8), LSTM(8, hidden_size=8)
        self.readout = nn.Linear(8, 2)

    def forward(self, x):
        return self.readout(self.second(self.first(x)[0])[0])


def spread(net, way):
    if way == "replicated":
        return nn.parallel.DistributedDataParallel(net)
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh("cpu", (2,))
    for part in (net.first, net.second, net):
        fully_shard(part, mesh=mesh)
    return net


def compare(rank, way, rendezvous):
    """Compare the gradients of two training steps with those of one process with both halves."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=2)
    torch.manual_seed(0)
    net, x = Net(), torch.randn(2, 6, 5, 4)
    alone, net = copy.deepcopy(net), spread(net, way)
    run = torch.compile(net, backend="aot_eager")
    for _ in range(2):
        net.zero_grad()
        alone.zero_grad()
        run(x[rank]).square().mean().backward()
        alone(x.flatten(0, 1)).square().mean().backward()
        for p, q in zip(net.parameters(), alone.parameters(), strict=True):
            whole = p.grad.full_tensor() if hasattr(p.grad, "full_tensor") else p.grad
            torch.testing.assert_close(whole, q.grad, rtol=1e-5, atol=1e-7)
    distributed.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_gradients_over_two_processes(way, tmp_path, monkeypatch):
    monkeypatch.setitem(os.environ, "RECURRA_ENGINE", "loop")
    multiprocessing.spawn(compare, (way, tmp_path / "rendezvous"), 2)
