"""A window that is recorded as a CUDA graph gives the bytes of one that is not."""

from __future__ import annotations

import pytest
import torch

from ml2o_core.devices import deterministic
from ml2o_core.meta.base import MetaGradient
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.curriculum import Curriculum
from ml2o_core.meta.first_order import FirstOrderMAML
from ml2o_core.meta.maml import MAML
from ml2o_core.meta.plain import Plain
from ml2o_core.meta.trainer import train
from ml2o_core.tasks.lasso import Lasso


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("method", [Plain(), FirstOrderMAML(), MAML()], ids=lambda m: m.name)
def test_a_recorded_training_has_the_bytes_of_another(method: MetaGradient) -> None:
    config = TrainConfig(
        family=Lasso.uniform_mixture(),
        meta_gradient=method,
        windows=12,
        batch_size=16,
        repeats=2,
        curriculum=Curriculum(lengths=(40, 80)),
    )
    with deterministic():
        eager, recorded = (train(config, device="cuda", compile=c) for c in (False, True))
    for name, value in eager.params.items():
        assert torch.equal(value, recorded.params[name])
    for name, value in vars(eager.history).items():
        assert torch.equal(value, getattr(recorded.history, name)), name
