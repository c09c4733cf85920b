"""Recall and precision of alexlab, torch-audit, torchtest2 and mldoct on the programs of `corpus/`.

    python benchmarks/check/compare.py [--tools TOOL ...] [--only PROGRAM ...]

Each tool sees each program twice: with its mistake and mended. A mistake counts as found where the tool says something of
that kind in the mistaken program (see KINDS); a false alarm is any error or warning of a kind of KINDS in a mended program, or
of another mistake in a mistaken one. alexlab's notes beside the mistake say what may be meant (a bias before batch norm, a
mean of batches' means), and are counted apart. What a tool says beyond the kinds (speed hints, style) counts
neither for nor against it.

alexlab and mldoct read the program. torch-audit and torchtest2 look at a network and a training that run: the program is
run with small random datasets in place of torchvision's, up to its third step; torch-audit is attached with its
`autopatch`, torchtest2's `check_model` gets the network, the batch, the loss and the optimiser of the first step.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from programs import Program, programs

KINDS: dict[str, dict[str, str]] = {
    "mldoct": {
        "missing_zero_grad": "no-zero-grad",
        "missing_eval": "no-eval",
        "double_softmax": "softmax-before-cross-entropy",
        "oom_leak": "loss-keeps-graph",
    },
    # what each check of torchtest2 can show of these mistakes
    "torchtest2": {
        "eval_determinism": "dropout-always-on",
        "batch_independence": "class-dimension",
        "output_varies": "constant-weights",
        "gradient_flow": "constant-weights",
        "optimizer_coverage": "optimiser-of-another unregistered-layer",
        "forward": "in-features view-mixes-images flatten-takes-batch batch-of-one",
        "loss": "nll-without-log-softmax class-count view-mixes-images wrong-labels",
        "output_range": "softmax-before-cross-entropy",
        "initial_loss": "softmax-before-cross-entropy nll-without-log-softmax activation-on-logits class-count",
        "params_change": "constant-weights step-order unregistered-layer optimiser-of-another",
        "input_dependency": "constant-weights dead-start",
        "overfit_batch": "softmax-before-cross-entropy activation-on-logits dropout-on-logits",
    },
    "torch-audit": {
        "TA103": "constant-weights step-order",  # dead units
        "TA104": "step-order optimiser-of-another",  # no gradients
        "TA105": "constant-weights dead-start",  # activation collapse
        "TA405": "constant-weights",  # dead filters
    },
}


@dataclass
class Score:
    found: int = 0
    missed: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    notes: int = 0

    @property
    def recall(self) -> float:
        return self.found / (self.found + len(self.missed))

    @property
    def precision(self) -> float | None:
        said = self.found + len(self.false)
        return self.found / said if said else None


def alexlab(text: str, folder: Path) -> list[str] | None:
    """Names of the rules that fire, with "note:" before those that fire as a note."""
    path = folder / "program.py"
    path.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "alexlab", "check", str(path), "--json"], capture_output=True, text=True
    )
    return (
        None
        if done.returncode not in (0, 1)
        else ["note:" * (finding["severity"] == "note") + finding["rule"] for finding in json.loads(done.stdout)]
    )


def other(tool: str, texts: dict[str, str], folder: Path) -> dict[str, list[str]]:
    """What another tool says of each program, by its own names; a program that it could not look at is absent."""
    paths = [folder / f"{name}.py" for name in texts]
    for path in paths:
        path.write_text(texts[path.stem], encoding="utf-8")
    runner = Path(__file__).with_name("others.py")
    done = subprocess.run(
        [sys.executable, str(runner), tool, *map(str, paths)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=folder,
    )
    said = {}
    for line in done.stdout.splitlines():
        if line.startswith("SAID "):
            _, where, names = line.split(" ", 2)
            said[Path(where).stem] = json.loads(names)
    return said


def kinds(tool: str, said: list[str]) -> list[set[str]]:
    """The mistakes that each saying can mean, without sayings of other kinds."""
    if tool == "alexlab":
        return [{name.removeprefix("note:")} for name in said]
    return [set(KINDS[tool][name].split()) for name in said if name in KINDS[tool]]


def judge(tool: str, program: Program, score: Score, bad: list[str] | None, good: list[str] | None) -> None:
    if bad is None or good is None:
        score.failed.append(program.name)
    if any(program.rule in each for each in kinds(tool, bad or [])):
        score.found += 1
    else:
        score.missed.append(program.name)
    score.notes += sum(
        name.startswith("note:") and name != f"note:{program.rule}" for name in (*(bad or []), *(good or []))
    )
    before, after = (kinds(tool, [n for n in said or [] if not n.startswith("note:")]) for said in (bad, good))
    # what is also said of the mended program is no finding but noise: it counts against the tool, once
    score.false += [f"{program.name} (mended): {' or '.join(sorted(each))}" for each in after]
    score.false += [
        f"{program.name}: {' or '.join(sorted(each))}"
        for each in before
        if not each & {program.rule, *program.also} and each not in after
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tools", nargs="*", default=["alexlab", "mldoct", "torch-audit", "torchtest2"])
    parser.add_argument("--only", nargs="*", help="names of programs; by default all")
    arguments = parser.parse_args()
    corpus = [each for each in programs() if not arguments.only or each.name in arguments.only]
    table = []
    with tempfile.TemporaryDirectory() as scratch:
        for tool in arguments.tools:
            score = Score()
            texts = {
                f"{p.name}-{kind}": text for p in corpus for kind, text in (("bad", p.mistaken), ("good", p.mended))
            }
            folder = Path(scratch)
            said = (
                {name: alexlab(text, folder) for name, text in texts.items()}
                if tool == "alexlab"
                else other(tool, texts, folder)
            )
            for program in corpus:
                judge(tool, program, score, said.get(f"{program.name}-bad"), said.get(f"{program.name}-good"))
            precision = "-" if score.precision is None else f"{score.precision:.3f}"
            table.append(f"| {tool} | {score.found} of {score.found + len(score.missed)} | {score.recall:.3f} "
                         f"| {len(score.false)} | {precision} |")  # fmt: skip
            print(
                f"{tool}: missed {score.missed}\n  false {score.false}\n  could not look: {score.failed}\n  notes {score.notes}",
                file=sys.stderr,
            )
    print("| tool | found | recall | false alarms | precision |\n|---|---|---|---|---|")
    print("\n".join(table))


if __name__ == "__main__":
    main()
