"""The errors a user can cause. Each one's text is a single line; the command line exits with 2."""

from __future__ import annotations

from typing import Any


class ML2OError(Exception):
    """Base of every error that is the input's fault, not the program's."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by what it says: a subclass builds its text from arguments of its own."""
        return _again, (type(self), self.args, vars(self))


def _again(kind: type[ML2OError], args: tuple[Any, ...], values: dict[str, Any]) -> ML2OError:
    error = kind.__new__(kind, *args)
    vars(error).update(values)
    return error


class InvalidArgument(ML2OError, ValueError):
    """A value outside what is allowed: names the argument, the value and the allowed range."""

    def __init__(self, argument: str, value: object, allowed: str) -> None:
        shown = repr(value)
        if len(shown) > 80:
            shown = shown[:77] + "..."
        super().__init__(" ".join(f"{argument}: got {shown}; allowed: {allowed}".split()))
        self.argument, self.value, self.allowed = argument, value, allowed


class CheckpointError(ML2OError):
    """A path that is not a checkpoint, or one that is damaged, truncated or foreign."""

    def __init__(self, path: object, problem: str) -> None:
        super().__init__(" ".join(f"checkpoint {path}: {problem}".split()))


class DeviceUnavailable(ML2OError):
    """The requested device does not exist on this machine."""
