"""The contract of an optimizee.

A `Task` is one loss l: R^d -> R, written for one x. A `TaskFamily` is a seeded distribution over
tasks and starting points. Neither knows about batches: `ml2o_core.unroll` maps over them, and
`TaskBatch` is what it maps over.

To add a family, write one file in this package: a frozen dataclass `Task` whose fields are all
tensors, with `loss` (the rest has defaults through autodiff), and a `TaskFamily` with a `name`, a
`sample` and a `start`, every field with a default. The registry finds it, and the contract test
runs on it. Where it has several distributions worth a name, `distributions` lists them.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

import torch
from jaxtyping import Float
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.spec import Registered


@dataclass(frozen=True)
class Optimum:
    """A known minimiser: `x` of shape (d,) and the minimal value (a scalar tensor)."""

    x: Tensor
    value: Tensor


class Task(ABC):
    """One optimizee. Subclasses are frozen dataclasses, and every field is a tensor.

    Methods take one `x` of shape (d,), and are differentiable and mappable (`torch.func.vmap`).
    Where the loss is l = s + h with s smooth and h simple (LASSO's ℓ1 term), `smooth_loss` is s and
    `prox` belongs to h; a smooth task has h = 0, and the defaults say so.
    """

    @property
    @abstractmethod
    def dim(self) -> int:
        """d, the number of coordinates of x."""

    @abstractmethod
    def loss(self, x: Float[Tensor, " d"]) -> Float[Tensor, ""]:
        """l(x)."""

    def gradient(self, x: Float[Tensor, " d"]) -> Float[Tensor, " d"]:
        """∇l(x); where l has a kink, a subgradient."""
        return torch.func.grad(self.loss)(x)

    def hessian(self, x: Float[Tensor, " d"]) -> Float[Tensor, "d d"]:
        """∇²l(x), symmetric; where l has a kink, the Hessian of the smooth part."""
        return torch.func.jacrev(self.gradient)(x)

    def hvp(self, x: Float[Tensor, " d"], v: Float[Tensor, " d"]) -> Float[Tensor, " d"]:
        """∇²l(x) v, without forming the Hessian."""
        # ∇²l is symmetric, so reverse mode gives it too; torch's forward mode warns at first use.
        return torch.func.vjp(self.gradient, x)[1](v)[0]

    def smooth_loss(self, x: Float[Tensor, " d"]) -> Float[Tensor, ""]:
        """s(x), the smooth part of l = s + h."""
        return self.loss(x)

    def smooth_gradient(self, x: Float[Tensor, " d"]) -> Float[Tensor, " d"]:
        """∇s(x)."""
        return self.gradient(x)

    def prox(self, v: Float[Tensor, " d"], step: Float[Tensor, ""] | float) -> Float[Tensor, " d"]:
        """argmin_x h(x) + ‖x − v‖² / (2·step); the identity when h = 0."""
        return v

    def smooth_lipschitz(self) -> Float[Tensor, ""] | None:
        """The Lipschitz constant of ∇s on all of R^d; None where there is none or none is known."""
        return None

    def optimum(self) -> Optimum | None:
        """The minimiser in closed form, or None where there is no closed form."""
        return None

    def tensors(self) -> dict[str, Tensor]:
        """The task's data by field name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]


@dataclass(frozen=True)
class TaskBatch:
    """Tasks of one type, stacked: every tensor has the same leading axes `shape`.

    `shape` is (N,) for N problems and (R, N) for R replicates of N problems.
    """

    task_type: type[Task]
    tensors: dict[str, Tensor]
    shape: tuple[int, ...]

    @classmethod
    def stack(cls, tasks: Sequence[Task] | Sequence[TaskBatch]) -> Self:
        """Stack tasks (giving shape (N,)) or batches of one shape (giving (R, N)).

        Data that is not finite is refused here, by field: inside a map nothing can look at values.
        """
        if not tasks:
            raise InvalidArgument("tasks", [], "at least one task")
        first = tasks[0]
        inner = first.shape if isinstance(first, TaskBatch) else ()
        kinds = {t.task_type if isinstance(t, TaskBatch) else type(t) for t in tasks}
        data = [t.tensors if isinstance(t, TaskBatch) else t.tensors() for t in tasks]
        shapes = {tuple((name, tuple(v.shape)) for name, v in d.items()) for d in data}
        if len(kinds) > 1 or len(shapes) > 1:
            raise InvalidArgument(
                "tasks", sorted(kind.__name__ for kind in kinds), "tasks of one type and one shape"
            )
        stacked = {name: torch.stack([d[name] for d in data]) for name in data[0]}
        for name, value in stacked.items():
            if not (finite := value.isfinite()).all():
                raise InvalidArgument(name, value[~finite][0].item(), "finite numbers")
        return cls(kinds.pop(), stacked, (len(tasks), *inner))

    def __getitem__(self, index: int | tuple[int, ...]) -> Task:
        """One task, by its full index."""
        return self.task_type(**{name: value[index] for name, value in self.tensors.items()})

    @property
    def dim(self) -> int:
        """d, the number of coordinates of x."""
        return self[(0,) * len(self.shape)].dim

    def to(self, device: torch.device | str, dtype: torch.dtype) -> Self:
        """The same tasks on another device, in another precision."""
        moved = {name: value.to(device, dtype) for name, value in self.tensors.items()}
        return type(self)(self.task_type, moved, self.shape)


class TaskFamily(Registered):
    """A seeded distribution over tasks and starting points. Everything is drawn in float64."""

    kind: ClassVar[str] = "task family"
    package: ClassVar[str] = "ml2o_core.tasks"

    @classmethod
    def distributions(cls) -> dict[str, Callable[..., TaskFamily]]:
        """The family's distributions by short name, the default first: each a constructor."""
        return {"default": cls}

    @classmethod
    def named(cls, distribution: str | None = None, **options: Any) -> TaskFamily:
        """One of `distributions()` (None: the default), built with `options`.

        `Lasso.named("normal", sigma=50)`. `InvalidArgument` on an unknown name, a missing option or
        one that is not allowed.
        """
        known = cls.distributions()
        distribution = next(iter(known)) if distribution is None else distribution
        if distribution not in known:
            raise InvalidArgument("distribution", distribution, ", ".join(known))
        for option in inspect.signature(known[distribution]).parameters.values():
            required = option.default is option.empty and option.kind is not option.VAR_KEYWORD
            if required and option.name not in options:
                allowed = f"a value, since distribution {distribution!r} needs one"
                raise InvalidArgument(option.name, None, allowed)
        return known[distribution](**options)

    @abstractmethod
    def sample(self, generator: torch.Generator) -> Task:
        """Draw one task."""

    @abstractmethod
    def start(self, generator: torch.Generator) -> Float[Tensor, " d"]:
        """Draw one starting point x_0."""

    def sample_batch(self, generator: torch.Generator, size: int) -> TaskBatch:
        """Draw `size` tasks, one after another from the same generator."""
        return TaskBatch.stack([self.sample(generator) for _ in range(size)])

    def start_batch(self, generator: torch.Generator, size: int) -> Float[Tensor, "size d"]:
        """Draw `size` starting points."""
        return torch.stack([self.start(generator) for _ in range(size)])
