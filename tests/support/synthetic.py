"""Made-up parts of an experiment, so that tests of messages stay true when a plugin changes an option."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from recurra import (
    Batch,
    Cell,
    Component,
    GeneratedTask,
    Goal,
    InvalidOption,
    Memory,
    MemoryCell,
    NoState,
    Ref,
    Score,
    Trainer,
)

Count = Annotated[int, Field(gt=0)]


class Plain(Cell[NoState]):
    """Puts out what it reads, repeated.

        y = x

    Args:
        input_size: I.
    """

    def __init__(
        self, input_size, *, hidden_size: Annotated[Count, Field(description="H, number of units")] = 100
    ):
        super().__init__(input_size, hidden_size)

    def initial_state(self, batch_size):
        return NoState()

    def step(self, x, state):
        return x.mean(-1, keepdim=True).expand(-1, self.output_size), state


class GRU(Plain):
    def __init__(
        self,
        input_size,
        *,
        hidden_size: Annotated[Count, Field(description="H, number of units")] = 128,
        reset: Annotated[Literal["before", "after"], Field(description="where r acts")] = "after",
        share: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ):
        super().__init__(input_size, hidden_size=hidden_size)


class Matrix(Memory[NoState]):
    def __init__(
        self,
        *,
        slots: Annotated[Count, Field(description="N, number of slots")] = 128,
        start: Literal["constant", "learned"] = "constant",
    ):
        super().__init__(4, 2)

    def initial_state(self, batch_size):
        return NoState()

    def step(self, interface, state):
        return interface[:, :2], state


class Tape(Matrix):
    def __init__(self, *, squares: int = 9):
        super().__init__()


class NTM(MemoryCell):
    def __init__(
        self,
        input_size,
        *,
        controller: Annotated[Ref, Field(description="drives the memory")] = Ref(
            "cell", "plain", hidden_size=50
        ),
        memory: Annotated[Ref, Field(description="is driven")] = Ref("memory", "ntm"),
    ):
        driven = memory.build()
        super().__init__(controller.build(input_size + driven.output_size), driven)


class Copy(GeneratedTask):
    goal = Goal("bit_errors", below=1)

    def __init__(
        self,
        *,
        bits: Annotated[Count, Field(description="bits per vector")] = 8,
        shortest: Count = 1,
        longest: Count = 20,
        lengths: tuple[Count, ...] = (10, 20),
        grid: tuple[Count, Count] = (2, 3),
        folder: Path | None = None,
    ):
        super().__init__(bits, bits)
        if shortest > longest:
            raise InvalidOption(f"Copy: shortest = {shortest} must not exceed longest = {longest}")

    def sample(self, batch_size, rng):
        raise AssertionError("no test draws data")

    def loss(self, y, batch: Batch):
        return y.mean()

    def scores(self, y, batch: Batch):
        return {"bit_errors": Score(0.0, 1.0)}


class Choice(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Adam(Choice):
    name: Literal["adam"] = "adam"
    lr: Annotated[float, Field(gt=0, description="learning rate")] = 3e-3
    beta1: float = 0.9


class SGD(Choice):
    name: Literal["sgd"] = "sgd"
    lr: Annotated[float, Field(gt=0, description="learning rate")] = 1e-2
    nesterov: bool = False


class Constant(Choice):
    name: Literal["constant"] = "constant"


class Cosine(Choice):
    name: Literal["cosine"] = "cosine"
    steps: Annotated[int, Field(gt=0, description="updates until the end")]


ADAM, CONSTANT = Adam(beta1=0.8), Constant()
Optimizer = Annotated[Adam | SGD, Field(discriminator="name")]


class BPTT(Trainer):
    """Learns by the gradient of the whole sequence."""

    renamed_options = {"clip": "clip_norm"}

    def __init__(
        self,
        *,
        optimizer: Annotated[Optimizer, Field(description="turns gradients into updates")] = ADAM,
        schedule: Annotated[Constant | Cosine, Field(discriminator="name")] = CONSTANT,
        clip_norm: Annotated[float | None, Field(gt=0)] = 1.0,
        clip_value: Annotated[float | None, Field(gt=0)] = None,
        rule: Annotated[int, Field(ge=0)] | Literal["auto"] = "auto",
    ):
        self.clip_norm = clip_norm

    def lightning_module(self, model, task, seed):
        raise AssertionError("no test trains")


class RTRL(BPTT):
    def __init__(self, *, rank: int = 1):
        super().__init__()


COMPONENTS = [
    Component("cell", "plain", f"{__name__}:Plain", "repeats what it reads"),
    Component("cell", "gru", f"{__name__}:GRU", "gated"),
    Component("cell", "ntm", f"{__name__}:NTM", "drives a memory", "Graves 2014"),
    Component("cell", "broken", f"{__name__}:Nowhere", "cannot be imported"),
    Component("memory", "ntm", f"{__name__}:Matrix", "a matrix"),
    Component("memory", "tape", f"{__name__}:Tape", "a tape"),
    Component("task", "copy", f"{__name__}:Copy", "repeat"),
    Component("trainer", "bptt", f"{__name__}:BPTT", "gradients", "Werbos 1990", default=True),
    Component("trainer", "rtrl", f"{__name__}:RTRL", "forward gradients"),
]
