"""The model file is whole, or refused by name."""

import random

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from recurra import DamagedFile
from recurra_lab.artifacts.weights import load_weights, save_weights
from recurra_lab.runs.restore import restore
from recurra_lab.runs.run import Run


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.ModuleDict({"a": nn.Linear(3, 2), "b": nn.BatchNorm1d(2)})


@pytest.fixture
def path(model, tmp_path):
    save_weights(model, tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def refused(model, path):
    with pytest.raises(DamagedFile) as caught:
        load_weights(model, path)
    assert str(caught.value).startswith(f"{path} cannot be loaded: ")
    assert str(caught.value).endswith(f"; write it again with: recurra resume {path.parent}")


def test_no_flipped_bit_changes_a_number_in_silence(model, path):
    content, draw = path.read_bytes(), random.Random(0)
    expected = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for place in draw.sample(range(len(content)), 100):
        damaged = bytearray(content)
        damaged[place] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged)
        try:
            load_weights(model, path)
        except DamagedFile:
            continue
        assert all(torch.equal(tensor, expected[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize(
    "change",
    [
        lambda weight: weight * float("nan"),
        lambda weight: weight.view(torch.int32),
        lambda weight: weight.reshape(3, 2),
    ],
    ids=["NaN", "dtype", "shape"],
)
def test_other_tensors_do_not_match_the_checksum(model, path, change):
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    save_file(tensors | {"a.weight": change(tensors["a.weight"])}, path, metadata)
    refused(model, path)


def test_a_file_without_a_checksum_is_refused(model, path):
    save_file(load_file(path), path)
    refused(model, path)


def test_the_model_of_another_shape_is_refused(path):
    refused(nn.ModuleDict({"a": nn.Linear(4, 2), "b": nn.BatchNorm1d(2)}), path)


def test_any_dtype_comes_back(tmp_path):
    one, other = (nn.Linear(2, 2, dtype=torch.bfloat16) for _ in range(2))
    save_weights(one, tmp_path / "weights")
    load_weights(other, tmp_path / "weights")
    assert torch.equal(one.weight, other.weight)


def test_resuming_writes_the_model_again(start):
    folder, run, _ = start()
    run.start()
    whole = folder.weights.read_bytes()
    folder.weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 64]))
    with pytest.raises(DamagedFile):
        restore(folder)
    Run(run.experiment, folder, print).resume()
    assert folder.weights.read_bytes() == whole
