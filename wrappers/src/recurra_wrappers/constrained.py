"""Wrappers that constrain the recurrent matrices of a cell."""

from __future__ import annotations

import abc
from typing import Annotated, Any, ClassVar

from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils import parametrize

from recurra import Cell, IncompatibleParts, InvalidInput, InvalidOption
from recurra_wrappers.base import CellWrapper, cell_name
from recurra_wrappers.constraints import (
    Dale,
    LowRank,
    Orthogonal,
    Sparse,
    Spectral,
    WeightNorm,
    balanced,
    random_mask,
)
from recurra_wrappers.pickling import make_picklable
from recurra_wrappers.recurrent_matrices import recurrent_matrices, state_widths

Bound = Annotated[float, Field(gt=0, description="ρ, largest spectral norm")]
Excitatory = Annotated[float, Field(gt=0, lt=1, description="fraction of units that excite")]
Density = Annotated[float, Field(gt=0, le=1, description="fraction of connections that exist")]
Rank = Annotated[int, Field(gt=0, description="r, largest rank")]


class ConstrainedWeights(CellWrapper, abc.ABC):
    """Base class of wrappers that constrain the recurrent matrices of a cell, at all times.

    Recurrent are the matrices through which the old state reaches the new one; see `recurrent_matrices`. A
    constraint of square matrices applies to those that are square, or k square ones above each other, with
    the width of a tensor of the state: the gates of an LSTM or a GRU, one by one. It leaves all others as
    they are, such as a matrix that reads [x, h] or drives a memory. The other constraints apply to every
    recurrent matrix.

    The constraint is a parametrization of torch (`torch.nn.utils.parametrize`), so it holds exactly after
    every update, and the free parameters are trained and saved. A matrix is computed once for a sequence, and
    the step is compiled as before. The cell that is given is changed.

    Shapes: those of the cell, and its state.

    Raises:
        IncompatibleParts: The cell has no recurrent matrix to which the constraint applies.
        InvalidInput: A recurrent matrix holds NaN or infinite numbers.
    """

    square: ClassVar[bool] = False

    def __init__(self, cell: Cell[Any]) -> None:
        super().__init__(cell)
        found = recurrent_matrices(cell)
        self.names = tuple(name for name, W in found.items() if not self.square or self._is_square(W))
        if not self.names:
            raise IncompatibleParts(f"{type(self).__name__}: {self._why_none(found)}")
        for name in self.names:
            self._check_finite(name, found[name])
        for name in self.names:
            path, _, tensor = name.rpartition(".")
            module = cell.get_submodule(path)
            self.constrain(module, tensor, found[name])
            make_picklable(module)

    def _check_finite(self, name: str, W: Tensor) -> None:
        if not W.isfinite().all():
            what = f"{name} of {cell_name(self.cell)} holds NaN or infinite numbers"
            raise InvalidInput(f"{type(self).__name__}: {what}; expected finite weights")

    @abc.abstractmethod
    def constrain(self, module: nn.Module, name: str, W: Tensor) -> None:
        """Constrain one matrix W, the parameter `name` of a module."""

    def _is_square(self, W: Tensor) -> bool:
        rows, columns = W.shape[-2:]
        return rows % columns == 0 and columns in state_widths(self.cell)

    def _why_none(self, found: dict[str, Tensor]) -> str:
        who = cell_name(self.cell)
        if not found and any(map(parametrize.is_parametrized, self.cell.modules())):
            return f"{who} has no recurrent matrix that is free: weights of it are parametrized already"
        if not found:
            why = (
                "its step multiplies no weight, as it is stored, with its state, or lets no gradient through"
            )
            return f"{who} has no recurrent matrix: {why}"
        shapes = ", ".join(f"{name} {tuple(W.shape)}" for name, W in found.items())
        why = f"no recurrent matrix of {who} is square and as wide as a tensor of its state: {shapes}"
        return f"{why}; choose another constraint"

    def unroll(
        self,
        x: Tensor,
        state: Any,
        *,
        lengths: Tensor | None = None,
        resets: Tensor | None = None,
        states: bool = False,
    ) -> tuple[Tensor, Any]:
        """Run the cell as it runs by itself: it has its weights inside."""
        return self.cell.as_part(x, state, lengths=lengths, resets=resets, states=states)


class OrthogonalWeights(ConstrainedWeights):
    """Orthogonal recurrent matrices, which neither shrink nor stretch what they are multiplied with.

        U = Q exp(A − Aᵀ)      for each square block; A strictly lower triangular, learned; Q fixed

    Q is the orthogonal matrix nearest to the initial block. Only square matrices are constrained; see
    `ConstrainedWeights`.

    Parameters: those of the cell, of which n (n − 1) / 2 per block matter.
    Source: Lezcano-Casado and Martínez-Rubio 2019, arXiv 1901.08428 (expRNN).

    Raises:
        IncompatibleParts: The cell has no square recurrent matrix.
    """

    square = True

    def constrain(self, module: nn.Module, name: str, W: Tensor) -> None:
        """Make the blocks of a matrix orthogonal."""
        parametrize.register_parametrization(module, name, Orthogonal(W))


class SpectralWeights(ConstrainedWeights):
    """Recurrent matrices with a bounded spectral norm.

        U = V · min(1, ρ / ‖V‖₂)      for each square block, or for a matrix of another shape as a whole

    A block that starts at the bound or beyond it, as an orthogonal one does at ρ = 1, is scaled to 0.99 ρ:
    where several singular values are the largest, the norm has no gradient.

    Parameters: those of the cell.  Cost: singular values, n³ operations per block once for a sequence.
    Differs from the paper: the norm is exact instead of estimated, and bounded instead of set.
    Source: Miyato et al. 2018, arXiv 1802.05957.

    Raises:
        IncompatibleParts: The cell has no recurrent matrix.
    """

    def __init__(self, cell: Cell[Any], *, bound: Bound = 1.0) -> None:
        self.bound = bound
        super().__init__(cell)

    def constrain(self, module: nn.Module, name: str, W: Tensor) -> None:
        """Bound the norm of a matrix."""
        parametrize.register_parametrization(module, name, Spectral(self.bound))
        setattr(module, name, Spectral(0.99 * self.bound)(W.detach()))


class WeightNormalised(ConstrainedWeights):
    """Recurrent matrices whose rows have a length and a direction of their own.

        u = g v / ‖v‖      for each row u

    It starts with the cell's matrices.

    Parameters: those of the cell, and one more for each row.
    Source: Salimans and Kingma 2016, arXiv 1602.07868.

    Raises:
        IncompatibleParts: The cell has no recurrent matrix.
    """

    def constrain(self, module: nn.Module, name: str, W: Tensor) -> None:
        """Normalise the rows of a matrix."""
        parametrize.register_parametrization(module, name, WeightNorm())


class DaleWeights(ConstrainedWeights):
    """Recurrent matrices by Dale's law: every unit either excites all units that it reaches or inhibits them.

        U = |V| ∘ s      s = 1 for the first units, −1 for the rest, along the columns

    The initial matrices keep their sizes, but inhibitory columns are larger by the ratio of the numbers of
    units, so that both kinds balance. Only square matrices are constrained; see `ConstrainedWeights`. A unit
    keeps its sign only if its output is not negative, as with a ReLU.

    Parameters: those of the cell.
    Source: Song, Yang and Wang 2016.

    Raises:
        IncompatibleParts: The cell has no square recurrent matrix.
        InvalidOption: No unit would be left to excite or to inhibit.
    """

    square = True

    def __init__(self, cell: Cell[Any], *, excitatory: Excitatory = 0.8) -> None:
        self.excitatory = excitatory
        super().__init__(cell)

    def constrain(self, module: nn.Module, name: str, W: Tensor) -> None:
        """Give every column of a matrix its sign."""
        units = W.shape[-1]
        count = round(self.excitatory * units)
        if not 0 < count < units:
            message = f"excitatory = {self.excitatory} leaves {count} of {units} units to excite"
            raise InvalidOption(f"DaleWeights: {message}; at least one must excite and one inhibit")
        parametrize.register_parametrization(module, name, Dale(W, count))
        setattr(module, name, balanced(W.detach(), count))


class SparseWeights(ConstrainedWeights):
    """Recurrent matrices with few connections, drawn once and kept.

        U = V ∘ m      with as many ones in each row of m, at random places

    The initial entries that are kept are larger by 1 / √density, which keeps the size of the products.

    Parameters: those of the cell, of which the fraction `density` of each matrix matters, at least one per
    row.

    Raises:
        IncompatibleParts: The cell has no recurrent matrix.
    """

    def __init__(self, cell: Cell[Any], *, density: Density = 0.2) -> None:
        self.density = density
        super().__init__(cell)

    def constrain(self, module: nn.Module, name: str, W: Tensor) -> None:
        """Leave some connections of a matrix."""
        mask = random_mask(W, max(1, round(self.density * W.shape[-1])))
        parametrize.register_parametrization(module, name, Sparse(mask))
        setattr(module, name, W.detach() * mask.double().mean().rsqrt().to(W.dtype))


class LowRankWeights(ConstrainedWeights):
    """Recurrent matrices of a low rank.

        U = P R      P (n, r), R (r, m), for a matrix (n, m) with all gates as a whole

    It starts with the best approximation of the cell's matrices.

    Parameters: r (n + m) instead of n m for each matrix.
    Source: Mastrogiuseppe and Ostojic 2018, for networks of neuroscience.

    Raises:
        IncompatibleParts: The cell has no recurrent matrix.
        InvalidOption: The rank is not lower than that of a matrix.
    """

    def __init__(self, cell: Cell[Any], *, rank: Rank = 8) -> None:
        self.rank = rank
        super().__init__(cell)

    def constrain(self, module: nn.Module, name: str, W: Tensor) -> None:
        """Make a matrix a product."""
        full = min(W.shape[-2:])
        if self.rank >= full:
            shape = f"{name} {tuple(W.shape)} of {cell_name(self.cell)}"
            raise InvalidOption(f"LowRankWeights: rank = {self.rank} must be less than {full} for {shape}")
        parametrize.register_parametrization(module, name, LowRank(self.rank))
