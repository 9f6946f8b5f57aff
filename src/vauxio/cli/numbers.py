"""Numbers among the arguments of a command. Whoever mistypes one is told what to write."""

from __future__ import annotations

from typing import Any

import click

__all__ = ["Number", "Seconds", "Whole"]


class Number(click.types.FloatParamType):
    """Any number."""

    name = "number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            return float(value)
        except ValueError:
            self.fail(f"{value!r} is not a number; write it like 6 or 6.5", param, ctx)


class Seconds(click.FloatRange):
    """A number of seconds within a range."""

    name = "number of seconds"


class Whole(click.IntRange):
    """A whole number within a range."""

    name = "whole number"
