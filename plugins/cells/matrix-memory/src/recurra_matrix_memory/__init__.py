"""Memories that are matrices of keys and values, each as a memory and as a cell, as a recurra plugin."""

from collections.abc import Iterator

from recurra import Component, hookimpl

MEMBERS = [
    (
        "linear-attention",
        "linear_attention:LinearAttention",
        "sums of values under positive keys, normalised by the sum of the keys",
        "Katharopoulos et al. 2020",
    ),
    (
        "retention",
        "decayed:Retention",
        "linear attention with a fixed decay per head",
        "Sun et al. 2023",
    ),
    (
        "gla",
        "decayed:GLA",
        "gated linear attention: decays from the input",
        "Yang et al. 2023",
    ),
    (
        "delta",
        "delta:Delta",
        "the delta rule: writes what the value under a key lacks",
        "Schlag et al. 2021; Yang et al. 2024",
    ),
    ("gated-delta", "delta:GatedDelta", "the delta rule with a decay for each head", "Yang et al. 2024"),
    ("delta-product", "delta:DeltaProduct", "several delta rules in each step", "Siems et al. 2025"),
    ("rwkv-7", "rwkv7:RWKV7", "a delta rule that removes and writes under two keys", "Peng et al. 2025"),
    (
        "fast-weights",
        "fast_weights:FastWeights",
        "weights that attend to recent states",
        "Ba et al. 2016",
    ),
]


@hookimpl
def recurra_components() -> Iterator[Component]:
    """Return each member as a cell and as a memory."""
    for name, place, summary, paper in MEMBERS:
        target = f"recurra_matrix_memory.{place}"
        yield Component("cell", name, f"{target}Cell", summary, paper)
        yield Component("memory", name, f"{target}Memory", summary, paper)
