"""Whole libraries of recordings: plan, run, report.

>>> from vauxio import archive
>>> plan = archive.plan('encode', 'recordings', 'archive', archive.Settings(bitrate=6))
>>> report = archive.Report(plan)
>>> for result in archive.run(plan, jobs=4):
...     report.add(result)
>>> print(report)

The next run of the same plan resumes a run that was interrupted: a manifest in the target tree says
what is done. `plan` changes nothing; `run` does the work.
"""

from ..results import Result
from .planning import plan
from .plans import Plan, Settings, Task
from .report import Report
from .running import run

__all__ = ["Plan", "Report", "Result", "Settings", "Task", "plan", "run"]
