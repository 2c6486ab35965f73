"""Typed errors that say what, where, the value and the cure, each with its exit code."""

from __future__ import annotations

from typing import ClassVar


class SitingError(Exception):
    """
    An error a user can act on.

    Parameters
    ----------
    what
        The problem, one sentence without a full stop.
    where
        The file, layer, line or model key the problem is in.
    value
        The offending value, shortened by the caller where it is long.
    cure
        What the user can do about it.
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self, what: str, *, where: object = None, value: object = None, cure: str = ""
    ) -> None:
        self.what = what
        self.where = None if where is None else str(where)
        self.value = None if value is None else str(value)
        self.cure = cure
        super().__init__(self._text())

    def _text(self) -> str:
        text = self.what if self.where is None else f"{self.where}: {self.what}"
        if self.value is not None:
            text += f" (got {self.value})"
        if self.cure:
            text += f". {self.cure}"
        return text


class InputError(SitingError):
    """A data file can't be read or doesn't hold what it has to."""

    exit_code = 3


class ModelError(SitingError):
    """A planning model (YAML) is wrong; `problems` lists everything found."""

    exit_code = 4

    def __init__(
        self,
        what: str,
        *,
        where: object = None,
        value: object = None,
        cure: str = "",
        problems: tuple[str, ...] = (),
    ) -> None:
        self.problems = problems
        super().__init__(what, where=where, value=value, cure=cure)

    def _text(self) -> str:
        return "\n".join([super()._text(), *(f"  - {problem}" for problem in self.problems)])


class InfeasibleError(SitingError):
    """The targets can't be met together."""

    exit_code = 5


class SolverError(SitingError):
    """The solver gave no usable answer."""

    exit_code = 6


class VerificationError(SitingError):
    """The independent checker disagrees with the plan; nothing was published."""

    exit_code = 7


class OutputError(SitingError):
    """A result can't be written."""

    exit_code = 8


class BusyError(SitingError):
    """Another run holds the same folder."""

    exit_code = 9


class FetchError(SitingError):
    """A download is forbidden by the user's rules, failed, or isn't what it claims to be."""

    exit_code = 10


class LockError(ModelError):
    """Locks can't be honoured; `problems` says of each which lock collides with what."""

    exit_code = 11
