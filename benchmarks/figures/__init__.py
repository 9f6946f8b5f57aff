"""Every figure of the README, the docs and the model cards, put there from JSON.

    python -m benchmarks.figures            # bring everything up to date
    python -m benchmarks.figures --check    # say what is not, and fail

A place for figures looks like ``<!-- figures: NAME -->...<!-- /figures -->``, NAME being a
function of a module of `places.MODULES`. What stands between is replaced by what the function makes
of the files in ``results/``, or, for ``help``, of the command line itself. The pages on quality and
speed and their plots are made by the module ``report`` of each, in the same go.

Figures age: a result is stale when weights or coder have changed since (`benchmarks.provenance`). A
page that shows figures of a stale result must have a place ``age``, which says so.
"""
