"""A compiled step as text: its graphs, a line for each node, stage by stage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from recurra_engine.frontend.trace import Step
from recurra_engine.ir.graph import Node, is_const, sorted_by_use
from recurra_engine.passes.joint import Training
from recurra_engine.passes.program import Loop, Pass, Program

Stages = dict[str, list[str]]
"""The lines of each stage by its name."""


def listing(results: Mapping[str, Node]) -> list[str]:
    """Return a line `name = op(arguments) (shape)` for each node that named results are made of."""
    order = [node for node in sorted_by_use(results.values()) if node.args]
    names = {node: f"v{number}" for number, node in enumerate(order)}
    lines = [f"{names[node]} = {_call(node, names)} {_shape(node)}" for node in order]
    return [*lines, *(f"{name} <- {_name(node, names)} {_shape(node)}" for name, node in results.items())]


def of_step(step: Step) -> list[str]:
    """Return the step as it was traced."""
    return listing({"y": step.y, **_numbered("state", step.states)})


def of_weights(program: Program) -> list[str]:
    """Return what is computed once per sequence, of weights alone."""
    return listing(_numbered("shared", program.weights))


def of_training(training: Training) -> Stages:
    """Return both passes of a training step."""
    passes = {"forward": training.forward, "backward": training.backward}
    return {f"{way}, {name}": lines for way, part in passes.items() for name, lines in of_pass(part).items()}


def of_pass(part: Pass) -> Stages:
    """Return what is done before the loop, in it and after it, but for stages that do nothing."""
    stages = {
        "prologue": listing(_numbered("hoisted", part.hoisted)),
        "loop": listing(_of_loop(part.loop)),
        "epilogue": listing(_numbered("result", part.finished)),
    }
    return {name: lines for name, lines in stages.items() if lines}


def _of_loop(loop: Loop) -> dict[str, Node]:
    carried = {_name(old, {}): new for old, new in zip(loop.carried, loop.after, strict=True)}
    return carried | _numbered("out", loop.out) | _numbered("sum", loop.sums)


def _numbered(name: str, nodes: Sequence[Node]) -> dict[str, Node]:
    return {f"{name}[{i}]": node for i, node in enumerate(nodes)}


def _call(node: Node, names: Mapping[Node, str]) -> str:
    given = [_name(arg, names) for arg in node.args] + [str(datum) for datum in node.data]
    return f"{node.op}({', '.join(given)})"


def _name(node: Node, names: Mapping[Node, str]) -> str:
    if is_const(node):
        return f"{node.data[0]:g}"
    if node.args:
        return names[node]
    kind, index = node.data[0] if isinstance(node.data[0], tuple) else (node.op, node.data[0])
    return f"{kind}[{index}]"


def _shape(node: Node) -> str:
    return "×".join(map(str, node.shape)) or "1"


def written(stages: Mapping[str, Iterable[str]]) -> str:
    """Return the stages below one another, each under its name."""
    sections = ("\n".join([f"{name}:", *(f"  {line}" for line in lines)]) for name, lines in stages.items())
    return "\n\n".join(sections)
