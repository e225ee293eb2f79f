"""What Quadratic, LASSO and smoothed LASSO share: the fit ½‖Ax − b‖² and the distributions of A, b.

The defaults are the paper's experiments. Training: A (10×10) from an equal mixture of U(0, s),
s ∈ {0.1, 0.5, 1} (the scales are those of the authors' released code), b ~ U(0, 1). Testing:
A ~ N(0, σ²). Starting points: x_0 ~ N(0, 0.01²).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

import torch
from jaxtyping import Float
from pydantic import AllowInfNan, Field, TypeAdapter, ValidationError, model_validator
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.tasks.base import Task, TaskFamily
from ml2o_core.tasks.distributions import Distribution, Mixture, Normal, Uniform
from ml2o_core.tasks.mixture import SCALES, FrozenTasks


@dataclass(frozen=True)
class LeastSquaresTask(Task):
    """A task whose loss contains the fit ½‖Ax − b‖², A of shape (r, d) and b of shape (r,)."""

    A: Float[Tensor, "r d"]
    b: Float[Tensor, " r"]

    def __post_init__(self) -> None:
        if self.A.ndim != 2:
            raise InvalidArgument("A", tuple(self.A.shape), "the shape of a matrix, (r, d)")
        if self.b.shape != self.A.shape[:1]:
            raise InvalidArgument(
                "b", tuple(self.b.shape), f"shape ({self.A.shape[0]},), as A's rows"
            )

    @property
    def dim(self) -> int:
        return self.A.shape[1]

    def fit(self, x: Float[Tensor, " d"]) -> Float[Tensor, ""]:
        """½‖Ax − b‖²."""
        residual = self.A @ x - self.b
        return residual @ residual / 2

    def fit_gradient(self, x: Float[Tensor, " d"]) -> Float[Tensor, " d"]:
        """Aᵀ(Ax − b)."""
        return self.A.mT @ (self.A @ x - self.b)

    def gram(self) -> Float[Tensor, "d d"]:
        """AᵀA, the Hessian of the fit."""
        return self.A.mT @ self.A

    def gram_norm(self) -> Float[Tensor, ""]:
        """‖AᵀA‖₂ = ‖A‖₂², the Lipschitz constant of the fit's gradient."""
        return torch.linalg.matrix_norm(self.A, 2) ** 2


class LeastSquaresFamily(TaskFamily):
    """Random A (`rows` × `cols`), b and x_0, with the distributions of the experiments by name."""

    rows: int = Field(10, ge=1, description="r, the number of rows of A")
    cols: int = Field(10, ge=1, description="d, the number of columns of A")
    matrix: Distribution = Mixture(components=tuple(Uniform(low=0, high=s) for s in SCALES))
    target: Distribution = Uniform(low=0, high=1)
    start_distribution: Distribution = Normal(sd=0.01)

    test_target: ClassVar[Distribution] = Uniform(low=0, high=1)
    """b of the paper's test tasks."""

    @model_validator(mode="after")
    def _shapes_fit(self) -> Self:
        self.matrix.check_shape("matrix", (self.rows, self.cols))
        self.target.check_shape("target", (self.rows,))
        self.start_distribution.check_shape("start_distribution", (self.cols,))
        return self

    # In the constructors below, `fields` sets the other fields of the family, or overrides them.

    @classmethod
    def uniform_mixture(cls, scales: Iterable[float] = SCALES, **fields: Any) -> Self:
        """The training tasks: A ~ U(0, s), one s for each problem, drawn equally from `scales`."""
        components = tuple(Uniform(low=0, high=s) for s in _checked_scales(scales))
        return cls(**{"matrix": Mixture(components=components)} | fields)

    @classmethod
    def normal_mixture(cls, scales: Iterable[float] = SCALES, **fields: Any) -> Self:
        """The released code's training tasks for M-L2O: A ~ N(0, s²), one s for each problem."""
        components = tuple(Normal(sd=s) for s in _checked_scales(scales))
        return cls(**{"matrix": Mixture(components=components)} | fields)

    @classmethod
    def normal(cls, sigma: float, **fields: Any) -> Self:
        """The test tasks: A ~ N(0, σ²), σ = `sigma` ≥ 0."""
        try:
            matrix = Normal(sd=sigma)
        except InvalidArgument:
            raise InvalidArgument("sigma", sigma, "a finite number ≥ 0") from None
        return cls(**{"matrix": matrix, "target": cls.test_target} | fields)

    @classmethod
    def frozen_mixture(
        cls, scales: Iterable[float] = SCALES, count: int = 128, seed: int = 0, **fields: Any
    ) -> FrozenTasks:
        """The released code's training tasks for transfer learning: `count` tasks, drawn once.

        Problem i has A ~ s·U(0, 1) with s = scales[i mod len(scales)], and b ~ U(−1, 1).
        """
        families = tuple(
            cls(**{"matrix": Uniform(low=0, high=s), "target": Uniform(low=-1, high=1)} | fields)
            for s in _checked_scales(scales)
        )
        return FrozenTasks(families=families, count=count, seed=seed)

    @classmethod
    def distributions(cls) -> dict[str, Callable[..., TaskFamily]]:
        return {
            "uniform-mixture": cls.uniform_mixture,
            "normal-mixture": cls.normal_mixture,
            "normal": cls.normal,
            "frozen-mixture": cls.frozen_mixture,
        }

    def draw_data(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """A, then b."""
        A = self.matrix.draw((self.rows, self.cols), generator)
        return A, self.target.draw((self.rows,), generator)

    def start(self, generator: torch.Generator) -> Float[Tensor, " d"]:
        return self.start_distribution.draw((self.cols,), generator)


_SCALES: TypeAdapter[tuple[float, ...]] = TypeAdapter(
    Annotated[tuple[Annotated[float, Field(ge=0), AllowInfNan(False)], ...], Field(min_length=1)]
)


def _checked_scales(scales: Iterable[float]) -> tuple[float, ...]:
    try:
        return _SCALES.validate_python(scales)
    except ValidationError:
        raise InvalidArgument("scales", scales, "one or more finite numbers ≥ 0") from None
