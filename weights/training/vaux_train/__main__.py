"""Command line of the recipe: prepare, train, report, evaluate, export."""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="python -m vaux_train", description=__doc__)
    verbs = root.add_subparsers(dest="verb", required=True)

    p = verbs.add_parser("prepare", help="decode the corpus once to int16 arrays")
    p.add_argument("corpus", type=Path, help="folder with train/, dev/ and INDEX.tsv")
    p.add_argument("data", type=Path, help="folder to write")
    p.add_argument("--samplerate", type=int, default=24000)

    def run_verb(name: str, help: str) -> argparse.ArgumentParser:
        p = verbs.add_parser(name, help=help)
        p.add_argument("--config", type=Path, required=True)
        p.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
        p.add_argument("--run", type=Path, required=True, help="folder of checkpoint and log")
        p.add_argument("--device", default="auto", help="auto, cpu or cuda")
        return p

    p = run_verb("train", "train; goes on where the run's checkpoint left off")
    p.add_argument("--data", type=Path, required=True)
    p.add_argument("--minutes", type=float, required=True)
    p.add_argument("--start", type=Path, help="checkpoint or model folder to begin a new run from")

    p = run_verb("report", "curves, decoded samples and spectrograms into the run's folder")
    p.add_argument("--corpus", type=Path, required=True)

    p = run_verb("evaluate", "objective figures on the dev recordings, at nominal bits")
    p.add_argument("--corpus", type=Path, required=True)
    p.add_argument("--codebooks", type=int, nargs="*", default=[2, 4, 8, 16])
    p.add_argument("--every", type=int, default=1, help="only every n-th recording")

    p = run_verb("export", "write a model folder, checked against PyTorch")
    p.add_argument("--data", type=Path, required=True)
    p.add_argument("--out", type=Path, required=True)
    return root


def main() -> None:
    args = parser().parse_args()
    if args.verb == "prepare":
        from .data import prepare

        prepare(args.corpus, args.data, args.samplerate)
        return

    from . import evaluate, export, report
    from .config import load
    from .train import Trainer, device_of

    trainer = Trainer(load(args.config, args.set), args.run, device_of(args.device))
    checkpoint = args.run / "last.pt"
    if checkpoint.exists():
        trainer.resume(checkpoint)
    elif args.verb == "train" and args.start:
        trainer.resume(args.start)
    elif args.verb != "train":
        raise SystemExit(f"{checkpoint} does not exist: train first")

    codec = trainer.average.cpu()
    if args.verb == "train":
        trainer.train(args.data, args.minutes)
    elif args.verb == "report":
        report.curves(args.run / "log.csv", args.run / "curves.png")
        report.samples(codec, args.corpus, args.run / "samples", (2, 4, 8, 16))
    elif args.verb == "evaluate":
        for row in evaluate.evaluate(codec, args.corpus, args.codebooks, args.every):
            print(json.dumps({"step": trainer.step, **row}), flush=True)
    elif args.verb == "export":
        print(json.dumps(export.export(codec, args.out, args.data)))
        trainer.save_for_resuming(args.out)


if __name__ == "__main__":
    main()
