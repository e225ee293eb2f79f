"""The same meta-gradients in JAX, compiled as one function: the peer of `ml2o bench training`.

RNNprop with one layer on LASSO, the summed loss, the optimizee's gradient held constant, as in the
experiments. JAX is no dependency of the program, so every function imports it for itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.maml import MAML
from ml2o_core.optimizers.rnnprop import RNNprop

Tree = dict[str, Any]


def meta_gradient(config: TrainConfig) -> Callable[[Tree, Tree], Tree]:
    """The meta-gradient of R replicates, compiled: φ and the window's start ↦ the gradient.

    `config` has `MAML` (exact) or `FirstOrderMAML`. Arrays have the leading axes of ours.
    """
    import jax

    rule, method = config.rule, config.meta_gradient
    assert isinstance(rule, RNNprop)
    alpha, exact = method.alpha, isinstance(method, MAML)  # type: ignore[attr-defined]

    def risk(phi: Tree, window: Tree) -> Any:
        def one(A: Any, b: Any, weight: Any, x: Any) -> Any:
            return _run(rule, phi, A, b, weight, x, config.unroll_steps)

        losses = jax.vmap(one)(window["A"], window["b"], window["weight"], window["x"])
        return losses.mean(0).sum()

    def step(phi: Tree, window: Tree) -> Tree:
        inner = jax.grad(risk)

        def adapted(phi: Tree) -> Tree:
            slope = inner(phi, window)
            return {name: phi[name] - alpha * slope[name] for name in phi}

        if exact:
            return jax.grad(lambda phi: risk(adapted(phi), window))(phi)
        return inner(adapted(phi), window)

    compiled: Callable[[Tree, Tree], Tree] = jax.jit(jax.vmap(step))
    return compiled


def to_jax(tensors: dict[str, Tensor]) -> Tree:
    """The same arrays."""
    import jax.numpy as jnp

    return {name: jnp.asarray(value.detach().numpy()) for name, value in tensors.items()}


def wait(tree: Tree) -> Tree:
    """The tree, when it is computed."""
    import jax

    done: Tree = jax.block_until_ready(tree)
    return done


def version() -> str:
    """Of JAX."""
    import jax

    return str(jax.__version__)


def _run(rule: RNNprop, phi: Tree, A: Any, b: Any, weight: Any, x: Any, steps: int) -> Any:
    """l(x_1) … l(x_T) of one problem."""
    import jax
    import jax.numpy as jnp

    H, d = rule.hidden, x.shape[0]

    def loss(x: Any) -> Any:
        residual = A @ x - b
        return residual @ residual / 2 + weight * jnp.abs(x).sum()

    def body(carry: Any, t: Any) -> tuple[Any, Any]:
        x, m, v, h, c = carry
        z = jax.lax.stop_gradient(A.T @ (A @ x - b) + weight * jnp.sign(x))
        m = rule.beta1 * m + (1 - rule.beta1) * z
        v = rule.beta2 * v + (1 - rule.beta2) * z**2
        size = jnp.sqrt(v / (1 - rule.beta2**t)) + rule.epsilon
        f = jnp.stack([z / size, m / (1 - rule.beta1**t) / size], axis=-1)
        gates = f @ phi["lstm0_input"] + h @ phi["lstm0_hidden"] + phi["lstm0_bias"]
        i, forget, g, o = jnp.split(gates, 4, axis=-1)
        c = jax.nn.sigmoid(forget) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        out = (h @ phi["output_weight"] + phi["output_bias"]).squeeze(-1)
        x = x + rule.output_scale * jnp.tanh(out)
        return (x, m, v, h, c), loss(x)

    zeros, memory = jnp.zeros(d), jnp.zeros((d, H))
    _, losses = jax.lax.scan(body, (x, zeros, zeros, memory, memory), jnp.arange(1.0, steps + 1))
    return losses
