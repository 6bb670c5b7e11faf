"""Errors a person can act on: what was given, what was expected, what to do.

Every class carries the exit code the command line ends with. Programming mistakes stay `ValueError` and
`TypeError`; these are for the domain.
"""

from __future__ import annotations


class MaskError(Exception):
    """A failure MASK understands; the message is one sentence for a person."""

    exit_code = 1


class UsageError(MaskError):
    """The request itself cannot be carried out: an unknown name, a bad option, an output that exists."""

    exit_code = 2


class UnreadableVideo(MaskError):
    """A file or folder that cannot be decoded as video frames."""


class UnreadableData(MaskError):
    """A dataset folder or annotation that does not hold what its adapter expects."""


class UnreadableWeights(MaskError):
    """Weights that are missing, unsafe to load, or of another architecture."""


class NoFaceError(MaskError):
    """No face where one was needed."""

    exit_code = 3


class BudgetExhausted(MaskError):
    """An attack asked its target more often than its budget allows."""


class AccessDenied(MaskError):
    """An attack asked its target for more than its declared access gives."""


class InvalidPlan(MaskError):
    """An attack proposed a sticker outside its threat model."""


class ThresholdNotMet(MaskError):
    """Everything ran, and a threshold the user asked for was not met."""

    exit_code = 100
