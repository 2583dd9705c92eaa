"""The training itself: a plain PyTorch loop that is a generator of typed events and heeds requests.

for event in train(run):
    run.emit(event)
"""

import errno
import math
import time
from collections.abc import Generator, Iterator
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from training.freeze import FrozenData, freeze
from training.gallery import Gallery
from training.job import ENDING, Job, prepare
from training.losses import IGNORE
from training.schedule import factor
from training.validate import evaluate, mean_loss, metrics, report
from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.events import (
    Continued,
    Discarded,
    Event,
    Failed,
    Finished,
    Froze,
    Note,
    Paused,
    Progress,
    Started,
    Stopped,
    Validated,
)
from unet_studio.core.metrics import scores
from unet_studio.core.run_folder import RunFolder
from unet_studio.model.devices import available_cores, choose_device, set_threads

PAUSE_POLL = 0.2  # seconds between two looks at the requests while paused
SAVE_SECONDS = 120.0  # at most so long between two saved states


class Interrupted(Exception):
    """The run was asked to leave as it is, to be resumed."""


def train(run: RunFolder) -> Iterator[Event]:
    """Train, or resume, a run. The last event says how it ended; what can be mended ends as Failed.

    Raises Interrupted where the run was asked to leave as it is.
    """
    try:
        yield from _train(run)
    except StudioError as error:
        yield Failed(error.message, error.remedy)
    except torch.OutOfMemoryError:
        yield Failed(
            "There is not enough memory on the device.", "Choose a smaller patch or batch, or the cpu."
        )
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        yield Failed(
            "The disk is full." if full else f"A file can't be read or written: {error}.",
            "Free some space, then resume the run." if full else "Mend that, then resume the run.",
        )


def _train(run: RunFolder) -> Iterator[Event]:
    config = run.config()
    device = choose_device(config.device)
    threads = config.threads or max(1, available_cores() - 1)
    set_threads(threads)

    def check() -> None:
        if run.requested() & ENDING:
            raise Cancelled

    try:
        data = freeze(run, config, check)
        job = prepare(run, config, data, device)
    except Cancelled:
        yield from _end_early(run)
        return
    standing = job.state.standing
    yield Started(str(device), threads, standing.step, job.plan.steps, standing.step > 0)
    yield _froze(data)
    yield from map(Note, data.notes)
    try:
        if job.fine_tuned and standing.step == 0:
            yield from _measure_start(job)
        reason = yield from _loop(job)
        yield from _end(job, reason)
    finally:
        job.board.close()


def _froze(data: FrozenData) -> Froze:
    pixels = {data.classes.get(index).name: count for index, count in data.pixels().items()}
    train, val, test = (len(data.part(part)) for part in ("train", "val", "test"))
    return Froze(train, val, test, pixels)


def _end_early(run: RunFolder) -> Iterator[Event]:
    """The end of a run that was asked to end before it began."""
    asked = run.requested()
    if "discard" in asked:
        _throw_away(run)
        yield Discarded(0)
    elif "stop" in asked:
        yield Stopped(0, 0.0, "", {})
    else:
        raise Interrupted
    run.clear_requests()


# The loop


def _loop(job: Job) -> Generator[Event, None, str]:
    """Steps and validations until something ends them; returns what."""
    standing = job.state.standing
    while True:
        asked = job.run.requested()
        if asked & ENDING:
            return "request"
        if "pause" in asked:
            yield from _pause(job)
            continue
        reason = _reason(job)
        if reason:
            if reason == "minutes" and standing.step % job.plan.evaluate_every:
                yield from _validate(job)
            return reason
        yield from _step(job)
        if standing.step % job.plan.evaluate_every == 0 or standing.step == job.plan.steps:
            yield from _validate(job)
        elif time.monotonic() - job.saved > SAVE_SECONDS:
            job.save()


def _reason(job: Job) -> str:
    """Why the run is over, or ""."""
    standing = job.state.standing
    if standing.step >= job.plan.steps:
        return "steps"
    if job.config.patience and standing.stale >= job.config.patience:
        return "patience"
    limit = job.config.minutes * 60
    if limit and standing.step and job.seconds + job.validation_seconds >= limit:
        return "minutes"
    return ""


def _pause(job: Job) -> Iterator[Event]:
    job.save()
    yield Paused(job.state.standing.step)
    while "pause" in (asked := job.run.requested()) and not asked & ENDING:
        time.sleep(PAUSE_POLL)
    job.started = time.monotonic()
    yield Continued(job.state.standing.step)


def _step(job: Job) -> Iterator[Event]:
    """One step and its Progress; with half the patches where memory runs out."""
    standing = job.state.standing
    rate = _set_learning_rate(job)
    torch.manual_seed((job.config.seed * 1_000_003 + standing.step) % 2**63)
    while True:
        try:
            value = _optimise(job, *job.batches.draw(standing.step))
            break
        except torch.OutOfMemoryError:
            if standing.batch == 1:
                raise
            standing.batch = job.batches.count = standing.batch // 2
        yield Note(f"The device's memory is full: {standing.batch} patches a step from here on.")
        torch.cuda.empty_cache()
    if not math.isfinite(value):
        raise StudioError(
            f"The loss is not a number at step {standing.step + 1}.",
            "Lower the learning rate, or set amp=off; the best model so far is kept.",
        )
    standing.step += 1
    if job.state.average is not None:
        job.state.average.update(job.state.network, standing.step)
    yield _progress(job, value, rate)


def _set_learning_rate(job: Job) -> float:
    """Set every group's learning rate for the coming step; returns the decoder's."""
    standing, config = job.state.standing, job.config
    done = standing.step / job.plan.steps
    if config.minutes:
        done = max(done, job.seconds / (config.minutes * 60))
    warmup = min(config.warmup_steps, job.plan.steps // 4)
    rate = config.learning_rate * factor(config.schedule, standing.step, warmup, done)
    for group in job.state.optimiser.param_groups:
        group["lr"] = rate * group["share"]
    return rate


def _optimise(job: Job, images: Tensor, target: Tensor) -> float:
    """One update of the weights; returns the loss."""
    state = job.state
    state.network.train()
    state.optimiser.zero_grad(set_to_none=True)
    images = images.contiguous(memory_format=torch.channels_last)
    with torch.autocast(job.device.type, dtype=job.dtype, enabled=job.dtype is not None):
        logits = state.network(images)
    loss = job.loss(logits.float(), target, job.background)
    state.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
    if job.config.clip:
        state.scaler.unscale_(state.optimiser)
        clip_grad_norm_(state.network.parameters(), job.config.clip)
    state.scaler.step(state.optimiser)
    state.scaler.update()
    _count(job, logits.detach(), target)
    return float(loss.item())


def _count(job: Job, logits: Tensor, target: Tensor) -> None:
    """Add a training batch to the confusion matrix since the last validation, (K, K) on the device."""
    classes = max(2, logits.shape[1])
    labels = (logits[:, 0] > 0).long() if logits.shape[1] == 1 else logits.argmax(dim=1)
    known = target != IGNORE
    cells = torch.bincount(target[known] * classes + labels[known], minlength=classes**2)
    job.confusion = cells if job.confusion is None else job.confusion + cells


def _progress(job: Job, loss: float, rate: float) -> Progress:
    standing, spent = job.state.standing, job.seconds
    left = (job.plan.steps - standing.step) * spent / standing.step
    if job.config.minutes:
        left = min(left, max(0.0, job.config.minutes * 60 - spent))
    event = Progress(standing.step, job.plan.steps, loss, rate, round(spent, 3), round(left, 1))
    job.board.record(event)
    return event


# Validation and the end


def _measure_start(job: Job) -> Iterator[Event]:
    """Score the model that a fine-tuning starts from, to compare with; it is never kept as the best."""
    event = _score(job, math.inf)
    if event is not None:
        yield event


def _score(job: Job, best: float) -> Validated | None:
    """The judge's scores, as better or no better than `best`; None where a request to end cuts it short."""
    try:
        loss = mean_loss(job.judge, job.loss_patches, job.loss, job.background, job.check)
        gallery = Gallery(job.data.classes, len(job.judged), job.judged[0].part)
        evaluation, job.evidence = evaluate(job.judge, job.data, job.judged, job.check, gallery.look)
    except Cancelled:
        return None
    step = job.state.standing.step
    event = report(evaluation, job.data.classes, step, loss, best, round(job.seconds, 3))
    event = replace(event, train_iou=_train_iou(job))
    job.board.record(event)
    job.board.show(step, evaluation, gallery)
    if event.best:
        gallery.save(job.run.validation, step, evaluation)
    return event


def _validate(job: Job) -> Iterator[Event]:
    """Score the averaged weights; keep them where they are the best. A request to end cuts it short."""
    began = time.monotonic()
    standing = job.state.standing
    job.judge.network.load_state_dict(job.state.weights())
    event = _score(job, standing.best)
    if event is None:
        return
    if event.best:
        standing.best, standing.stale = event.mean_dice, 0
        job.metrics = metrics(event)
        job.save_best()
    else:
        standing.stale += 1
    job.validation_seconds = time.monotonic() - began
    job.save()
    yield event


def _train_iou(job: Job) -> float:
    """The mean IoU of the training patches since the last validation, pooled; NaN before any."""
    if job.confusion is None:
        return math.nan
    count = len(job.data.classes.indices)
    matrix = torch.zeros(count, count + 1, dtype=torch.int64)
    matrix[:, :count] = job.confusion.cpu().view(count, count)
    job.confusion = None
    return scores(matrix.numpy(), job.data.classes.indices).mean_iou(job.data.classes.background)


def _end(job: Job, reason: str) -> Iterator[Event]:
    asked = job.run.requested() if reason == "request" else set()
    step = job.state.standing.step
    if "discard" in asked:
        _throw_away(job.run)
        yield Discarded(step)
    elif "stop" in asked or not asked:
        if job.state.standing.best < 0:
            yield from _keep_unmeasured(job)
        job.save()
        seconds, model = round(job.seconds, 3), str(job.run.best)
        if asked:
            yield Stopped(step, seconds, model, job.metrics)
        else:
            yield Finished(reason, step, seconds, model, job.metrics)
    else:
        job.save()
        job.run.clear_requests()
        raise Interrupted
    job.run.clear_requests()


def _keep_unmeasured(job: Job) -> Iterator[Event]:
    """Keep the weights as they are where no validation has found a best model."""
    job.judge.network.load_state_dict(job.state.weights())
    job.save_best()
    yield Note("No validation has given a score: the model is kept as it is.")


def _throw_away(run: RunFolder) -> None:
    """Remove what a run has learnt; its data and events stay until its folder is deleted."""
    for file in (run.last, run.validation, run.report):
        file.unlink(missing_ok=True)
    if run.best.is_dir():
        for path in run.best.iterdir():
            path.unlink()
        run.best.rmdir()
