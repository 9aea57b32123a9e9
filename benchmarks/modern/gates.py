"""Gated linear and light-gated cells against minGRU-pytorch, sru and torchrecurrent."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from recurra.plugins.registry import load

Run = Callable[[Tensor], Tensor]


def ours(name: str, **options: Any) -> Callable[[int], nn.Module]:
    """Return what builds one of our cells."""
    return lambda width: load("cell", name)(width, hidden_size=width, **options)


def torchrecurrent(name: str, **options: Any) -> Callable[[int], Run]:
    """Return what builds a layer of torchrecurrent."""

    def build(width: int) -> Run:
        layer = getattr(importlib.import_module("torchrecurrent"), name)
        module = layer(width, width, batch_first=True, **options)
        return lambda x: module(x)[0]

    return build


def parallel_scan(module: str, name: str) -> Callable[[int], Run]:
    """Return what builds a layer of minGRU-pytorch, which runs all steps at once, in log space."""
    return lambda width: getattr(importlib.import_module(f"minGRU_pytorch.{module}"), name)(width)


def sru(width: int) -> Run:
    """Build a layer of the package sru, which has the time on axis 0."""
    module = importlib.import_module("sru").SRUCell(width, width)
    return lambda x: module(x.transpose(0, 1))[0].transpose(0, 1)


ROWS = [
    ("`min-gru`, minGRU-pytorch", ours("min-gru"), parallel_scan("minGRU", "minGRU")),
    ("`min-lstm`, minGRU-pytorch", ours("min-lstm"), parallel_scan("minLSTM", "minLSTM")),
    ("`sru`, sru", ours("sru"), sru),
    ("`ind-rnn`, torchrecurrent", ours("ind-rnn"), torchrecurrent("IndRNN", nonlinearity="relu")),
    ("`mgu`, torchrecurrent", ours("mgu"), torchrecurrent("MGU")),
    ("`janet`, torchrecurrent", ours("janet"), torchrecurrent("JANET")),
    ("`fast-grnn`, torchrecurrent", ours("fast-grnn"), torchrecurrent("FastGRNN", nonlinearity="sigmoid")),
    ("`minimal-rnn`, torchrecurrent", ours("minimal-rnn"), torchrecurrent("MinimalRNN")),
    ("`li-gru`, torchrecurrent", ours("li-gru", norm="none"), torchrecurrent("LiGRU")),
    ("`antisymmetric`, torchrecurrent", ours("antisymmetric"), torchrecurrent("AntisymmetricRNN")),
    (
        "`multiplicative-lstm`, torchrecurrent",
        ours("multiplicative-lstm"),
        torchrecurrent("MultiplicativeLSTM"),
    ),
]
