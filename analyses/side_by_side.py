"""Independent calls in processes of their own, two or more at a time."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

IDLE = 20.0
"""Seconds after which an idle worker ends: so long it may outlive a run that was killed."""


@contextmanager
def side_by_side(
    function: Callable[..., T], calls: Iterable[tuple[Any, ...]], workers: int
) -> Iterator[Iterator[T]]:
    """What `function` returns for each tuple of arguments, in the order in which they are finished.

    A tuple is drawn from `calls` when its call begins, so that it can hold the seconds that are
    left. With one worker the calls are made here, one after the other.
    """
    if workers <= 1:
        yield (function(*call) for call in calls)
        return
    from joblib import Parallel, delayed  # its import writes to the environment

    parallel = Parallel(
        n_jobs=workers,
        backend="loky",
        batch_size=1,
        pre_dispatch=workers,
        return_as="generator_unordered",
        idle_worker_timeout=IDLE,
    )
    finished = parallel(delayed(function)(*call) for call in calls)
    try:
        yield finished
    finally:
        with warnings.catch_warnings():  # joblib warns of the work that a stopped run leaves
            warnings.simplefilter("ignore")
            finished.close()
