"""Sound quality against bitrate: vauxio and real codecs on the same recordings.

    python -m benchmarks.quality --corpus CORPUS --out benchmarks/results/quality.json
    python -m benchmarks.quality.report benchmarks/results/quality.json --docs docs

The first command measures, the second makes the page and its plots from what was measured. What
is measured, and how, is said in ``template.md``, which becomes that page.
"""
