"""Every member holds the contracts of a cell and of a memory."""

from recurra_contract import contract


@contract("cell", "linear-attention")
def test_the_cell_linear_attention(check):
    check()


@contract("memory", "linear-attention")
def test_the_memory_linear_attention(check):
    check()


@contract("cell", "retention")
def test_the_cell_retention(check):
    check()


@contract("memory", "retention")
def test_the_memory_retention(check):
    check()


@contract("cell", "gla")
def test_the_cell_gla(check):
    check()


@contract("memory", "gla")
def test_the_memory_gla(check):
    check()


@contract("cell", "delta")
def test_the_cell_delta(check):
    check()


@contract("memory", "delta")
def test_the_memory_delta(check):
    check()


@contract("cell", "gated-delta")
def test_the_cell_gated_delta(check):
    check()


@contract("memory", "gated-delta")
def test_the_memory_gated_delta(check):
    check()


@contract("cell", "delta-product")
def test_the_cell_delta_product(check):
    check()


@contract("memory", "delta-product")
def test_the_memory_delta_product(check):
    check()


@contract("cell", "rwkv-7")
def test_the_cell_rwkv_7(check):
    check()


@contract("memory", "rwkv-7")
def test_the_memory_rwkv_7(check):
    check()


@contract("cell", "fast-weights")
def test_the_cell_fast_weights(check):
    check()


@contract("memory", "fast-weights")
def test_the_memory_fast_weights(check):
    check()
