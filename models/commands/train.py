"""Training of models/commands on CPU, in two stages, resumable.

    python models/commands/synthesize.py                  once: speech from synthesisers
    python models/commands/train.py --minutes 100         front end, then CTC end to end
    python models/commands/evaluate.py --weights build/commands-training/best.safetensors

Stage one (frontend.py) lets the convolutions regress log-mel bands; stage two trains everything
with CTC under bfloat16 autocast, the learning rate falling to zero at the end of `--minutes`.
`--workers` processes of one thread each make their own batches and update the same weights in
shared memory without waiting for one another: on a busy machine two threads in step after every
layer ran at a fifth of the speed of their processor time.
A checkpoint is written every two minutes; the same command continues from it. `best.safetensors`
holds an exponential moving average of the weights, the one meant for use.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from batches import Batch, Composer
from data import SAMPLE_RATE, Clip, data_folder, encode, load_labelled, load_set, load_unlabelled
from evaluate import HERE, Item, build_model, held_out_items, score, transcribe
from frontend import LogMel, Regression, install, scale_filters
from safetensors.torch import load_file, save_file
from torch import Tensor, multiprocessing, nn
from torchaudio.models import Wav2Vec2Model
from words import Words

FILTER_SCALE = 30.0  # see frontend.scale_filters
AVERAGE = 0.999  # decay of the moving average of weights
SHORT, LONGEST = 1.5, 14.0  # seconds a row, at first and later
WORDS = "words.safetensors"  # the head that does not ship, beside best.safetensors


def new_model(dropout: float) -> Wav2Vec2Model:
    """Build the shipped shape; dropout is active in training only and adds no weights.

    None inside attention or the feed-forward layers: drawing those masks took 30 % of a step.
    """
    config = copy.deepcopy(json.loads((HERE / "config.json").read_text(encoding="utf-8")))
    config["model"]["encoder_projection_dropout"] = dropout
    config["model"]["encoder_dropout"] = dropout
    config["model"]["encoder_layer_drop"] = dropout / 2
    return build_model(config)


def mask_features(features: Tensor, share: float) -> Tensor:
    """Zero spans of up to eight frames, about ``share`` of them: no phone becomes essential."""
    rows, frames, _ = features.shape
    spans = max(1, round(frames * share / 4.5))
    start = torch.randint(0, frames, (rows, spans, 1))
    length = torch.randint(1, 9, (rows, spans, 1))
    time_index = torch.arange(frames)
    hidden = ((time_index >= start) & (time_index < start + length)).any(1)  # (rows, frames)
    hidden &= torch.rand(rows, 1) < 0.7
    return features.masked_fill(hidden.unsqueeze(-1), 0.0)


def disagreement(scores: Tensor) -> Tensor:
    """Return the distance between two views of the same utterances; each is drawn to the other.

    CR-CTC, Yao et al. 2024; log-probabilities (T, 2 * B, L), summed.
    """
    first, second = scores.chunk(2, dim=1)
    targets = torch.cat([second, first], dim=1).detach()
    return F.kl_div(scores, targets, reduction="sum", log_target=True)


def loss_of(
    model: Wav2Vec2Model, words: Words, batch: Batch, options: argparse.Namespace
) -> Tensor:
    """Return the CTC loss of the letters, in nats a letter, with a share of the frames masked.

    Beside it, the two views' disagreement and the CTC loss of the words.
    """
    waveform = torch.from_numpy(batch.waveform)
    with torch.autocast("cpu", torch.bfloat16):
        features, _ = model.feature_extractor(waveform, None)
        if options.mask > 0:
            features = mask_features(features, options.mask)
        emission = model.aux(model.encoder(features, None))  # (rows, frames, labels)
    scores = emission.float().log_softmax(-1).transpose(0, 1)
    targets = [torch.tensor(encode(text), dtype=torch.long) for text in batch.transcripts]
    target_lengths = torch.tensor([len(target) for target in targets])
    frames = torch.full((len(targets),), scores.shape[0])
    losses = F.ctc_loss(
        scores, torch.cat(targets), frames, target_lengths, reduction="none", zero_infinity=True
    )
    total = losses.sum() + options.consistency * disagreement(scores)
    total = total + options.words * words.loss(batch.transcripts)
    return total / (target_lengths + 1).sum()  # nats a letter


def parameter_groups(model: Wav2Vec2Model, words: Words, rate: float) -> list[dict]:
    """Decay matrices only; the scaled first filters move by their own scale."""
    first = model.feature_extractor.conv_layers[0].conv.weight
    parameters = [*model.parameters(), *words.parameters()]
    matrices = [p for p in parameters if p.ndim > 1 and p is not first]
    vectors = [p for p in parameters if p.ndim <= 1]
    return [
        {"params": matrices, "lr": rate, "base": rate, "weight_decay": 0.03},
        {"params": vectors, "lr": rate, "base": rate, "weight_decay": 0.0},
        {
            "params": [first],
            "lr": rate * FILTER_SCALE,
            "base": rate * FILTER_SCALE,
            "weight_decay": 0.0,
        },
    ]


class Log:
    """A log to standard output and to a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.start = time.time()

    def __call__(self, **values: object) -> None:
        """Write one JSON line."""
        line = json.dumps({"minutes": round((time.time() - self.start) / 60, 2), **values})
        print(line, flush=True)
        with self.path.open("a", encoding="utf-8") as out:
            out.write(line + "\n")


def train_front_end(
    model: Wav2Vec2Model, composer: Composer, options: argparse.Namespace, log: Log
) -> None:
    """Train stage one: the convolutions and the feature projection."""
    teacher, student = LogMel(), Regression(model)
    optimizer = torch.optim.AdamW(student.parameters(), lr=2e-3, weight_decay=1e-4)
    minutes = options.front_end_minutes
    start, step, audio = time.time(), 0, 0.0
    while (elapsed := (time.time() - start) / 60) < minutes:
        waveform = torch.from_numpy(composer.batch(options.seconds, SHORT).waveform)
        waveform = waveform[waveform.std(1) > 1e-3]  # digital silence has no spectrum to learn
        if len(waveform) == 0:
            continue
        rate = 2e-3 * min(1, step / 50) * max(0.02, 1 - elapsed / minutes)
        for group in optimizer.param_groups:
            group["lr"] = rate
        target = teacher(waveform)
        with torch.autocast("cpu", torch.bfloat16):
            guess = student(waveform)
        loss = F.mse_loss(guess.float(), target)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        step, audio = step + 1, audio + waveform.numel() / SAMPLE_RATE
        if step % 50 == 0:
            unexplained = (loss / target.var()).item()
            log(
                stage="front end",
                step=step,
                audio_h=round(audio / 3600, 2),
                left=round(unexplained, 4),
            )
    scale_filters(model, FILTER_SCALE)
    install(model, student.head)


class Trainer:
    """Stage two: model, average, optimiser, and their common clock.

    A helper is a forked copy with the same weights and counters and an optimiser of its own; the
    first process alone averages, measures, reports and saves.
    """

    def __init__(self, options: argparse.Namespace, transcripts: set[str], log: Log) -> None:
        self.options, self.log = options, log
        self.model = new_model(options.dropout).share_memory()
        self.words = Words(self.model, transcripts).share_memory()
        self.average = new_model(0.0).eval()
        self.optimizer = torch.optim.AdamW(
            parameter_groups(self.model, self.words, self.options.rate), betas=(0.9, 0.98)
        )
        self.steps = multiprocessing.Value("q", 0)  # of all processes together
        self.audio_s = multiprocessing.Value("d", 0.0)
        self.spent_s = multiprocessing.Value("d", 0.0)

    def save(self, path: Path) -> None:
        """Write a checkpoint to resume from, and the average alone as ``best.safetensors``."""
        state = {
            "model": self.model.state_dict(),
            "words": self.words.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "progress": (self.steps.value, self.audio_s.value, self.spent_s.value),
        }
        torch.save(state, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)
        weights = {k: v.contiguous() for k, v in self.average.state_dict().items()}
        save_file(weights, path.with_name("best.safetensors"))
        save_file(self.words.state_dict(), path.with_name(WORDS))

    def start_from(self, weights: Path) -> None:
        """Load the weights of an earlier run, and its word head if one is beside them."""
        self.model.load_state_dict(load_file(weights))
        if (words := weights.with_name(WORDS)).exists():
            self.words.load_state_dict(load_file(words))

    def resume(self, path: Path) -> None:
        """Continue from a checkpoint."""
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.words.load_state_dict(state["words"])
        self.average.load_state_dict(state["average"])
        bases = [group["base"] for group in self.optimizer.param_groups]
        self.optimizer.load_state_dict(state["optimizer"])
        for group, base in zip(self.optimizer.param_groups, bases, strict=True):
            group["base"] = base  # --rate may differ from before
        self.steps.value, self.audio_s.value, self.spent_s.value = state["progress"]

    def rate(self) -> float:
        """Return the learning rate: warm-up, then a cosine to zero at the end of the time given."""
        done = min(1.0, self.spent_s.value / (60 * self.options.minutes))
        return (
            min(1.0, (self.steps.value + 1) / 300) * (0.5 + 0.5 * math.cos(math.pi * done)) + 1e-3
        )

    def update(self, batch: Batch) -> float:
        """Take one step; return its loss."""
        factor = self.rate()
        for group in self.optimizer.param_groups:
            group["lr"] = group["base"] * factor
        loss = loss_of(self.model, self.words, batch, self.options)
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_([*self.model.parameters(), *self.words.parameters()], 2.0)
        self.optimizer.step()
        with self.steps.get_lock():
            self.steps.value += 1
            self.audio_s.value += batch.waveform.size / SAMPLE_RATE
        return loss.item()

    @torch.no_grad()
    def follow(self) -> None:
        """Move the average towards the model."""
        decay = min(AVERAGE, (1 + self.steps.value) / (10 + self.steps.value))
        pairs = zip(self.average.parameters(), self.model.parameters(), strict=True)
        for average, current in pairs:
            average.lerp_(current, (1 - decay) * self.options.workers)

    def batch(self, composer: Composer) -> Batch:
        """Return short rows at first, then all lengths."""
        longest = SHORT if self.steps.value < self.options.short_steps else LONGEST
        return composer.batch(self.options.seconds, longest)

    def finished(self) -> bool:
        """Return True once the time is spent."""
        return self.spent_s.value >= 60 * self.options.minutes

    def help(self, composer: Composer, seed: int) -> None:
        """Run a helper's loop."""
        torch.set_num_threads(1)
        torch.manual_seed(seed)
        composer.reseed(seed)
        self.model.train()
        while not self.finished():
            self.update(self.batch(composer))

    def run(self, composer: Composer, items: list[Item]) -> None:
        """Train until the time is spent, measuring and saving on the way."""
        options = self.options
        self.model.train()
        checkpoint = options.work / "checkpoint.pt"
        losses: list[float] = []
        saved = shown = time.time()
        evaluated = self.spent_s.value
        while not self.finished():
            begun = time.time()
            losses.append(self.update(self.batch(composer)))
            self.follow()
            self.spent_s.value += time.time() - begun
            if time.time() - shown > 20:
                shown = time.time()
                self.report(losses)
                losses = []
            if time.time() - saved > 120:
                saved = time.time()
                self.save(checkpoint)
            if self.spent_s.value - evaluated > 60 * options.evaluate_minutes:
                begun = time.time()
                self.measure(items)
                self.spent_s.value += time.time() - begun  # the helpers went on meanwhile
                evaluated = self.spent_s.value
        self.save(checkpoint)
        self.measure(items)

    def report(self, losses: list[float]) -> None:
        """Log the progress."""
        self.log(
            stage="ctc",
            step=self.steps.value,
            audio_h=round(self.audio_s.value / 3600, 2),
            spent_min=round(self.spent_s.value / 60, 2),
            loss=round(sum(losses) / len(losses), 4),
            rate=round(self.rate(), 4),
        )

    def measure(self, items: list[Item]) -> None:
        """Log the error rates of the average on held-out clips."""
        table = score(items, transcribe(self.average, items))
        self.log(
            stage="held out",
            step=self.steps.value,
            **{k: v["error_rate"] for k, v in table.items()},
        )


def training_clips(options: argparse.Namespace) -> tuple[list[Clip], list[Clip]]:
    """Return the clips to train on, and all labelled clips."""
    labelled = load_labelled(options.data)
    clips = [clip for clip in labelled if options.every_speaker or not clip.held_out]
    if options.synthesis.is_dir():
        clips += load_set(options.synthesis, "synthesis")
    return clips, labelled


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--work", type=Path, default=Path("build/commands-training"))
    parser.add_argument("--synthesis", type=Path, default=Path("build/commands-training/synthesis"))
    parser.add_argument("--minutes", type=float, default=100, help="stage two, spent in steps")
    parser.add_argument("--front-end-minutes", type=float, default=4)
    parser.add_argument("--evaluate-minutes", type=float, default=8)
    parser.add_argument("--seconds", type=float, default=32, help="audio a step")
    parser.add_argument("--rate", type=float, default=1.5e-3, help="highest learning rate")
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--mask", type=float, default=0.12, help="share of frames hidden")
    parser.add_argument(
        "--consistency", type=float, default=0.2, help="weight of two views' disagreement"
    )
    parser.add_argument("--words", type=float, default=0.5, help="weight of CTC over whole words")
    parser.add_argument("--short-steps", type=int, default=1500, help="steps on short rows first")
    parser.add_argument("--weights", type=Path, help="start stage two from these weights")
    parser.add_argument("--every-speaker", action="store_true", help="hold nobody out")
    parser.add_argument("--workers", type=int, default=2, help="processes, one thread each")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    log = Log(options.work / "log.jsonl")
    clips, labelled = training_clips(options)
    log(stage="data", clips=len(clips), **{k: str(v) for k, v in vars(options).items()})
    composer = Composer(clips, load_unlabelled(options.data), options.seed)
    items = held_out_items(labelled)
    # All words, held out or not, so that a run on every speaker can go on from one that was not.
    trainer = Trainer(options, {clip.transcript for clip in [*clips, *labelled]}, log)
    checkpoint = options.work / "checkpoint.pt"
    torch.set_num_threads(1)  # before any fork: helpers inherit the shared weights, not a pool
    if checkpoint.exists():
        trainer.resume(checkpoint)
    elif options.weights:
        trainer.start_from(options.weights)
    else:
        train_front_end(trainer.model, composer, options, log)
    if not checkpoint.exists():
        trainer.average.load_state_dict(trainer.model.state_dict())
        trainer.save(checkpoint)
    context = multiprocessing.get_context("fork")
    seeds = [int(time.time()) + worker for worker in range(options.workers)]
    composer.reseed(seeds[0])
    helpers = [context.Process(target=trainer.help, args=(composer, s)) for s in seeds[1:]]
    for helper in helpers:
        helper.daemon = True
        helper.start()
    trainer.run(composer, items)


if __name__ == "__main__":
    main()
