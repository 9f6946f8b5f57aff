"""Whole libraries of recordings: plan, run, report.

>>> from vauxio import archive
>>> plan = archive.plan('encode', 'recordings', 'archive', archive.Settings(bitrate=6))
>>> report = archive.Report(plan)
>>> for result in archive.run(plan, jobs=4):
...     report.add(result)
>>> print(report)

A run that was interrupted, by whatever, is taken up where it was by the next one of the same plan:
what is done is in a manifest in the target tree. `plan` changes nothing; `run` does the work.
"""

from .planning import Plan, Result, Settings, Task, plan
from .report import Report
from .running import run

__all__ = ["Plan", "Report", "Result", "Settings", "Task", "plan", "run"]
