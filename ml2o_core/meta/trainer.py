"""The descent on φ: steps along a clipped meta-gradient, for all replicates at once.

Divergence never passes silently. A meta-gradient longer than `clip_norm` is scaled down and
counted. A replicate whose risk or meta-gradient is no longer finite is *masked*: its parameters
stay at the last finite ones, the window is recorded, and the other replicates go on as if it did
not exist.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from ml2o_core.compiled import Program, compiled, place
from ml2o_core.errors import InvalidArgument
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.curriculum import Curriculum, Stage
from ml2o_core.meta.descent import Descent, Layout, clip
from ml2o_core.meta.state import TrainingState
from ml2o_core.meta.window import WindowProgram, inputs_of
from ml2o_core.optimizers.base import Params
from ml2o_core.problems import Problems, sample_problems
from ml2o_core.progress import Progress, Stopped
from ml2o_core.seeding import generator
from ml2o_core.unroll import Carry, begin


@dataclass(frozen=True)
class History:
    """A run, window by window, on the CPU; every tensor has shape (K, R), unless it says otherwise.

    `objective` is what was descended, `risk` is ĝ_T at φ, `gradient_norm` is taken before clipping.
    `validation` (V, R) are the validations of a curriculum, before the windows `validated_at` (V,)
    in the stages `stage` (V,).
    """

    objective: Tensor
    risk: Tensor
    gradient_norm: Tensor
    clipped: Tensor
    validation: Tensor
    validated_at: Tensor
    stage: Tensor

    @property
    def clipped_share(self) -> Tensor:
        """The share of windows whose meta-gradient was clipped, shape (R,)."""
        return self.clipped.double().mean(0)


@dataclass(frozen=True)
class Trained:
    """φ of R replicates after a run. `diverged_at` (R,): the window of divergence, or −1.

    `device` is where it was trained (`ml2o_core.compiled.place`; for one that moved, each place in
    turn), not where the parameters are.
    """

    config: TrainConfig
    params: Params
    history: History
    diverged_at: Tensor
    device: str = "cpu"

    def to(self, device: torch.device | str) -> Self:
        """With the parameters on another device."""
        return replace(self, params={name: v.to(device) for name, v in self.params.items()})

    @property
    def converged(self) -> Tensor:
        """Which replicates did not diverge, shape (R,)."""
        return self.diverged_at < 0


Keep = Callable[[TrainingState, bool], None]
"""Called between two windows with all that a training is, and whether it must be kept now."""


def initial_params(config: TrainConfig, device: torch.device | str = "cpu") -> Params:
    """φ_0 of each replicate; the same for every method (common random numbers)."""
    draws = [
        config.rule.init_params(
            generator(config.seed, purpose="init", rule=config.rule.name, repeat=r)
        )
        for r in range(config.repeats)
    ]
    return {
        name: torch.stack([draw[name] for draw in draws]).to(device, config.dtype)
        for name in draws[0]
    }


def train(
    config: TrainConfig,
    init: Params | None = None,
    *,
    device: torch.device | str = "cpu",
    compile: bool = False,
    progress: Progress | None = None,
    label: str | None = None,
    resume: TrainingState | None = None,
    keep: Keep | None = None,
) -> Trained:
    """Run `config` from `init` (by default from φ_0), on `device`.

    `init` has the leading axis R of `config.repeats`. The result's parameters stay on `device`.
    `compile` compiles the window first (`ml2o_core.compiled`): on a GPU with the same result, on a
    CPU up to rounding.

    A run goes on from the state `resume` of an earlier one, to the last bit as if it had never
    stopped. `keep` is given the state after every window; it must not change it, and must copy what
    it wants to hold. If `progress` stops the run (`Stopped`), the state is kept first.
    """
    phi = initial_params(config, device) if init is None else _checked(init, config, device)
    layout = Layout.of(phi)
    descent = Descent(config.descent, config.learning_rate)
    state = resume or TrainingState.begin(config, descent.begin(layout.join(phi)))
    run = _Run(config, layout, descent, state, device, compile, progress or Progress())
    label = label or f"{config.purpose} {config.meta_gradient.name}"
    keep = keep or (lambda state, now: None)
    try:
        with run.progress.task(label, total=config.windows - state.window) as advance:
            while state.window < config.windows:
                run.window()
                keep(state, False)
                advance()
            run.finish()
    except Stopped:
        keep(state, True)
        raise
    return run.trained()


class _Run:
    """A training that is running."""

    def __init__(
        self,
        config: TrainConfig,
        layout: Layout,
        descent: Descent,
        state: TrainingState,
        device: torch.device | str,
        compile: bool,
        progress: Progress,
    ) -> None:
        self.config, self.layout, self.descent, self.state = config, layout, descent, state
        self.device, self.progress = device, progress
        self._compile = compile
        self._programs: dict[str, Program] = {}
        self._problems: Problems | None = None

    def window(self) -> None:
        """The next window, and what comes before it."""
        state, config = self.state, self.config
        if config.curriculum is not None:
            self._before(config.curriculum)
        problems = self._episode()
        if state.carry is None:
            state.carry = begin(config.rule, problems.tasks, problems.start)
        inputs = inputs_of(state.learner.phi, problems.tasks, state.carry)
        found = self._program("meta_step", problems)(inputs)
        gradient, norm = clip(found["gradient"], config.clip_norm)
        alive, finite = state.alive, torch.isfinite(found["objective"]) & torch.isfinite(norm)
        state.diverged_at = torch.where(alive & ~finite, state.window, state.diverged_at)
        moved = self.descent.step(state.learner, torch.where(finite.unsqueeze(1), gradient, 0.0))
        state.learner = moved.where(state.alive, state.learner)
        state.record(found["objective"], found["risk"], norm)
        state.carry = Carry.of(found)
        state.left -= 1
        state.window += 1

    def finish(self) -> None:
        """The end of the last stage: the best parameters of each replicate."""
        if (stage := self.state.stage) is not None:
            self._validate(stage)
            self.state.learner = stage.best

    def trained(self) -> Trained:
        state, seen = self.state, self.state.validations
        columns = {name: value.cpu() for name, value in state.columns.items()}
        values = [value.cpu() for value in seen.value]
        history = History(
            **columns,
            clipped=columns["gradient_norm"] > self.config.clip_norm,
            validation=torch.stack(values) if values else columns["risk"][:0],
            validated_at=torch.tensor(seen.window, dtype=torch.int64),
            stage=torch.tensor(seen.stage, dtype=torch.int64),
        )
        params = {name: v.clone() for name, v in self.layout.split(state.learner.phi).items()}
        earlier = [f"{there} to window {window}" for there, window in state.elsewhere]
        where = ", then ".join([*earlier, place(self.device, self._compile)])
        return Trained(self.config, params, history, state.diverged_at.cpu(), where)

    def _before(self, curriculum: Curriculum) -> None:
        """Validate where it is due, and pass to the next stage where one is over."""
        state, config = self.state, self.config
        while True:
            stage = state.stage
            assert stage is not None
            every = curriculum.windows_between(stage.index, config.windows, config.unroll_steps)
            over = stage.is_over(curriculum, state.window, config.windows)
            if over or (state.window - stage.began) % every == 0:
                self._validate(stage)
            if not stage.is_over(curriculum, state.window, config.windows):
                return
            # Between two validations the run can be stopped: the state says all that is done.
            state.learner = stage.best
            state.stage = Stage.begin(stage.index + 1, state.window, state.learner)
            state.left = 0

    def _validate(self, stage: Stage) -> None:
        """One batch of fresh problems for one episode of the length that the stage prepares for."""
        config, state = self.config, self.state
        assert config.curriculum is not None
        problems = self._draw(f"{config.purpose} validation", stage.index)
        carry = begin(config.rule, problems.tasks, problems.start)
        program = self._program("forward", problems)
        windows = config.curriculum.windows_per_episode(stage.index + 1, config.unroll_steps)
        total = torch.zeros_like(state.learner.phi[:, 0])
        with self.progress.task("validate", windows) as advance:
            for _ in range(windows):
                found = program(inputs_of(state.learner.phi, problems.tasks, carry))
                total, carry = total + found["risk"] / windows, Carry.of(found)
                advance()
        stage.validated(state.learner, total, state.alive)
        state.validations.add(state.window, stage.index, total)

    def _episode(self) -> Problems:
        """The problems of the current episode, which begins here if the last one is over."""
        state, config = self.state, self.config
        if state.left == 0:
            state.left, state.carry, self._problems = self._windows_per_episode(), None, None
            state.episodes += 1
        if self._problems is None:
            self._problems = self._draw(config.purpose, state.episodes - 1)
        return self._problems

    def _windows_per_episode(self) -> int:
        config, stage = self.config, self.state.stage
        if config.curriculum is None or stage is None:
            return config.windows_per_episode
        return config.curriculum.windows_per_episode(stage.index, config.unroll_steps)

    def _draw(self, purpose: str, episode: int) -> Problems:
        config = self.config
        return sample_problems(
            config.family,
            seed=config.seed,
            purpose=purpose,
            repeats=config.repeats,
            size=config.batch_size,
            episode=episode,
            device=self.device,
            dtype=config.dtype,
        )

    def _program(self, name: str, problems: Problems) -> Program:
        if name not in self._programs:
            program = WindowProgram(self.config, self.layout, problems.tasks.task_type)
            function = getattr(program, name)
            self._programs[name] = compiled(function, self.device) if self._compile else function
        return self._programs[name]


def _checked(init: Params, config: TrainConfig, device: torch.device | str) -> Params:
    expected = {name: value.shape for name, value in initial_params(config).items()}
    given = {name: value.shape for name, value in init.items()}
    if given != expected:
        raise InvalidArgument(
            "init",
            {name: tuple(shape) for name, shape in given.items()},
            f"parameters of {config.rule.name} for {config.repeats} replicates",
        )
    return {name: init[name].detach().to(device, config.dtype).clone() for name in expected}
