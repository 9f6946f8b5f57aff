"""Command line of the recipe: prepare, train, report, evaluate, export; codes and their model."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .codec.training import CodecTrainer
    from .trainer import Trainer


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
    p.add_argument("--enhancer-of", type=Path, nargs=2, metavar=("CONFIG", "SOURCE"),
                   help="with --start: take the enhancer and the discriminators of another "
                        "model, of this configuration and checkpoint or folder")  # fmt: skip

    p = run_verb("weigh", "let the quantiser care more for some latents and less for others")
    p.add_argument("--above", type=float, default=1200, metavar="HZ", help="1200 unless told")
    p.add_argument(
        "--factor", type=float, default=1, help="what latents of bands above that are multiplied by"
    )
    p.add_argument("--levels", type=float, default=1,
                   help="what latents that carry levels are multiplied by, as then must be the "
                        "config's level_per_db")  # fmt: skip

    p = run_verb("narrow", "leave out units of the decoder, and fit the others to do as well")
    p.add_argument("--data", type=Path, required=True)
    p.add_argument("--expansion", type=int, required=True,
                   help="hidden units of a block for each of its width, as then must be the "
                        "config's decoder_expansion")  # fmt: skip

    p = run_verb("report", "curves, decoded samples and spectrograms into the run's folder")
    p.add_argument("--corpus", type=Path, required=True)

    p = run_verb("evaluate", "objective figures on the dev recordings, at nominal bits")
    p.add_argument("--corpus", type=Path, required=True)
    p.add_argument("--codebooks", type=int, nargs="*", help="else those of the config's bitrates")
    p.add_argument("--every", type=int, default=1, help="only every n-th recording")

    p = run_verb("export", "write a model folder, checked against PyTorch")
    p.add_argument("--data", type=Path, required=True)
    p.add_argument("--out", type=Path, required=True)

    p = run_verb("train-denoiser", "as train, of the denoiser")
    p.add_argument("--data", type=Path, required=True)
    p.add_argument("--minutes", type=float, required=True)
    p.add_argument("--start", type=Path, help="checkpoint or model folder to begin a new run from")

    p = run_verb("export-denoiser", "as export, of the denoiser")
    p.add_argument("--data", type=Path, required=True)
    p.add_argument("--out", type=Path, required=True)

    p = verbs.add_parser("prepare-enhancement", help="code the corpus's speech with hifi-48k")
    p.add_argument("--corpus", type=Path, required=True)
    p.add_argument("--data", type=Path, required=True, help="folder to write into")
    p.add_argument("--hours", type=float, default=4, help="of coded speech; 4 unless told")

    p = run_verb("train-enhancement", "as train, of the enhancement of hifi-48k")
    p.add_argument("--data", type=Path, required=True)
    p.add_argument("--minutes", type=float, required=True)
    p.add_argument("--start", type=Path, help="checkpoint or model folder to begin a new run from")

    p = run_verb("export-enhancement", "put the enhancement into the model folder of hifi-48k")
    p.add_argument("--out", type=Path, required=True, help="model folder")

    p = verbs.add_parser("codes", help="code the corpus with a model folder's encoder")
    p.add_argument("--config", type=Path, required=True)
    p.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    p.add_argument("--model", type=Path, required=True, help="model folder")
    p.add_argument("--data", type=Path, required=True)
    p.add_argument("--corpus", type=Path, help="for its dev/, which evaluate-lm needs")
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--copies", type=int, default=6, help="how often, with the first")
    p.add_argument("--denoised", type=int, default=0, help="how often speech in noise, denoised")
    p.add_argument("--device", default="auto", help="auto, cpu or cuda")

    p = run_verb("train-lm", "train the language model; goes on from the run's checkpoint")
    p.add_argument("--codes", type=Path, required=True)
    p.add_argument("--start", type=Path, help="model folder whose lm.onnx a new run begins from")
    p.add_argument("--minutes", type=float, required=True)

    p = run_verb("evaluate-lm", "what the language model saves on the dev recordings")
    p.add_argument("--codes", type=Path, required=True)
    p.add_argument("--codebooks", type=int, nargs="*", help="else those of the config")
    p.add_argument("--every", type=int, default=1, help="only every n-th block")
    p.add_argument("--constant", action="store_true", help="as many codes in every token")

    p = run_verb("export-lm", "write lm.onnx into a model folder, checked against its definition")
    p.add_argument("--codes", type=Path, required=True)
    p.add_argument("--out", type=Path, required=True, help="model folder")
    return root


def begin(trainer: Trainer, args: argparse.Namespace) -> None:
    """Let the run go on where its checkpoint is, or a new one begin where ``--start`` says."""
    checkpoint = args.run / "last.pt"
    if checkpoint.exists():
        trainer.resume(checkpoint)
    elif not args.verb.startswith("train"):
        raise SystemExit(f"{checkpoint} does not exist: train first")
    elif args.start:
        trainer.start(args.start)


def language_model(args: argparse.Namespace) -> None:
    from .config import load
    from .device import device_of
    from .language_model.evaluate import evaluate
    from .language_model.export import export_lm
    from .language_model.training import LanguageModelTrainer

    trainer = LanguageModelTrainer(load(args.config, args.set), args.run, device_of(args.device))
    begin(trainer, args)
    if args.verb == "train-lm":
        trainer.train(args.codes, args.minutes)
    elif args.verb == "evaluate-lm":
        codebooks = args.codebooks or trainer.config.lm.codebooks
        for row in evaluate(
            trainer.average, args.codes, codebooks, trainer.device, args.every, args.constant
        ):
            print(json.dumps({"step": trainer.step, **row}), flush=True)
    elif args.verb == "export-lm":
        print(json.dumps(export_lm(trainer.average, args.codes, args.out)))


def main() -> None:
    args = parser().parse_args()
    if args.verb == "weigh" and args.factor == args.levels == 1:
        raise SystemExit("nothing to weigh: give --factor, --levels or both")
    if args.verb == "train" and args.enhancer_of and not args.start:
        raise SystemExit("--enhancer-of needs --start: a model to put that enhancer behind")
    if args.verb == "prepare":
        from .corpus import prepare

        prepare(args.corpus, args.data, args.samplerate)
        return
    if args.verb == "codes":
        from .config import load
        from .device import device_of
        from .language_model.codes import prepare_codes

        model, device = load(args.config, args.set).model, device_of(args.device)
        copies = args.copies, args.denoised
        prepare_codes(args.model, model, args.data, args.corpus, args.out, *copies, device)
        return
    if args.verb.endswith("-lm"):
        language_model(args)
        return

    if args.verb.endswith("-denoiser"):
        denoiser(args)
        return

    if args.verb.endswith("-enhancement"):
        enhancement(args)
        return

    from .codec.borrow import borrow
    from .codec.narrow import narrow
    from .codec.training import CodecTrainer
    from .codec.weigh import weigh
    from .config import load
    from .device import device_of

    trainer = CodecTrainer(load(args.config, args.set), args.run, device_of(args.device))
    new = not (args.run / "last.pt").exists()
    begin(trainer, args)

    if args.verb == "train":
        if new and args.enhancer_of:
            lender, source = args.enhancer_of
            borrow(trainer, load(lender), source, args.data)
        trainer.train(args.data, args.minutes)
    elif args.verb == "weigh":
        weigh(trainer, args.above, args.factor, args.levels)
        trainer.save()
    elif args.verb == "narrow":
        if not 1 <= args.expansion < (now := trainer.config.model.decoder_expansion):
            raise SystemExit(f"--expansion must be 1 or more, and less than now: it has {now}")
        narrow(trainer, args.data, args.expansion).save()
    else:
        judge(trainer, args)


def judge(trainer: CodecTrainer, args: argparse.Namespace) -> None:
    """Verbs that leave a run as it is, and do without its device."""
    from .codec import evaluate, export, report

    codec, bitrates = trainer.average.cpu(), trainer.config.training.bitrates
    if args.verb == "report":
        report.curves(args.run / "log.csv", args.run / "curves.png")
        report.samples(codec, args.corpus, args.run / "samples", bitrates)
    elif args.verb == "evaluate":
        codebooks = args.codebooks or bitrates
        for row in evaluate.evaluate(codec, args.corpus, codebooks, args.every):
            print(json.dumps({"step": trainer.step, **row}), flush=True)
    elif args.verb == "export":
        c = trainer.config
        done = export.export(codec, args.out, args.data, c.data.mix, c.training.decoder_only)
        print(json.dumps(done))
        trainer.save_for_resuming(args.out)


def denoiser(args: argparse.Namespace) -> None:
    from .denoiser.config import load_config
    from .denoiser.training import DenoiserTrainer
    from .device import device_of

    trainer = DenoiserTrainer(load_config(args.config, args.set), args.run, device_of(args.device))
    begin(trainer, args)
    if args.verb == "train-denoiser":
        trainer.train(args.data, args.minutes)
    else:
        print(json.dumps(trainer.export(args.data, args.out)))


def enhancement(args: argparse.Namespace) -> None:
    if args.verb == "prepare-enhancement":
        from .enhancement.coding import prepare

        prepare(args.corpus, args.data, args.hours)
        return
    from .device import device_of
    from .enhancement.config import load_config
    from .enhancement.training import EnhancementTrainer

    config, device = load_config(args.config, args.set), device_of(args.device)
    trainer = EnhancementTrainer(config, args.run, device)
    begin(trainer, args)
    if args.verb == "train-enhancement":
        trainer.train(args.data, args.minutes)
    else:
        print(json.dumps(trainer.export(args.out)))


if __name__ == "__main__":
    main()
