"""Speed and memory: vauxio on one core and on all, and EnCodec beside it.

    python -m benchmarks.speed --json benchmarks/results/speed.json
    python -m benchmarks.speed.report benchmarks/results/speed.json --docs docs

The first command measures, the second makes the page and its plots from what was measured. What
is measured, and how, is said in ``template.md``, which becomes that page.
"""
