"""Whole libraries of recordings: plan, run, report.

>>> from vauxio import archive
>>> plan = archive.plan('encode', 'recordings', 'archive', archive.Settings(bitrate=6))
>>> report = archive.Report(plan)
>>> for result in archive.run(plan, jobs=4):
...     report.add(result)
>>> print(report)

The next run of the same plan resumes a run that was interrupted: a manifest in the target tree says
what is done. `plan` changes nothing; `run` does the work.

- ``planning``, ``plans``, ``targets``, ``shards``: what is to be made of what, and what is done
- ``running``, ``jobs``: a plan as jobs, long files in parts
- ``engine``, ``worker``, ``work``, ``cluster``: who does the jobs
- ``encoding``, ``decoding``, ``tokens``, ``verify``: the work of each verb
- ``coding``: parts of signals, and short signals together; ``tokenizing``, ``token_files``
- ``store``, ``manifest``: trees here or elsewhere, and their record of what is done
- ``report``, ``page``: the outcome, as text, JSON and HTML
"""

from ..audio.formats import Raw
from ..results import Result
from .planning import plan
from .plans import Plan, Settings, Task
from .report import Report
from .running import run

__all__ = ["Plan", "Raw", "Report", "Result", "Settings", "Task", "plan", "run"]
