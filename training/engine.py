"""The training itself: a plain PyTorch loop that is a generator of typed events and heeds requests.

for event in train(run):
    run.emit(event)
"""

import errno
import math
import shutil
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from training.distributed import Team, join, local_place, own_device, place
from training.freeze import FrozenData, freeze, freezing
from training.gallery import Gallery
from training.gate import gate_images, keep_scores, measure_best, measure_rival, to_compare
from training.job import CLOCKS, ENDING, Job, prepare
from training.losses import IGNORE
from training.reading import Pending, Reading
from training.schedule import factor
from training.state import not_finite
from training.step import learn
from training.validate import evaluate, mean_loss, metrics, report
from unet_studio.core.errors import Cancelled, SettingsError, StudioError
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
from unet_studio.core.gate import GATE_FILE
from unet_studio.core.metrics import scores
from unet_studio.core.pinned import FOLDER as PINNED
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.training_config import TrainingConfig
from unet_studio.core.words import count
from unet_studio.model.devices import available_cores, choose_device, set_threads

PAUSE_POLL = 0.2  # seconds between two looks at the requests while paused
SAVE_SECONDS = 120.0  # at most so long between two saved states
REASONS = ("", "steps", "patience", "minutes")
REQUESTS = ("stop", "discard", "interrupt", "pause")


class Interrupted(Exception):
    """The run was asked to leave as it is, to be resumed."""


def train(run: RunFolder, age: float = 0.0) -> Iterator[Event]:
    """Train, or resume, a run. The last event says how it ended; what can be mended ends as Failed.

    age: seconds since the process began, by the run's clock; its time limit counts from there. Under torchrun
    every process does so, and the events of the first are the run's. Raises Interrupted where the run was
    asked to leave as it is.
    """
    try:
        yield from _train(run, age)
    except (StudioError, torch.OutOfMemoryError, OSError) as error:
        end = failure(error)
        if run.validation.is_file() and place()[0] == 0:
            yield from _report(run, end)
        yield end


def failure(error: Exception) -> Failed:
    """What is said of an error that a person can mend."""
    if isinstance(error, StudioError):
        return Failed(error.message, error.remedy, isinstance(error, SettingsError))
    if isinstance(error, torch.OutOfMemoryError):
        return Failed(
            "There is not enough memory on the device.", "Choose a smaller patch or batch, or the cpu."
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Failed("The disk is full.", "Free some space, then resume the run.")
    return Failed(f"A file can't be read or written: {error}.", "Mend that, then resume the run.")


def _train(run: RunFolder, age: float) -> Iterator[Event]:
    config = run.config()
    began = CLOCKS[config.clock]() - age
    device = own_device(choose_device(config.device))
    threads = config.threads or max(1, (available_cores() - 1) // local_place()[1])
    set_threads(threads)
    team = join(device, lambda error: run.emit(failure(error)) if place()[0] == 0 else None)
    try:
        yield from _with_team(run, config, device, threads, team, began)
    finally:
        team.leave()


def _with_team(
    run: RunFolder, config: TrainingConfig, device: torch.device, threads: int, team: Team, began: float
) -> Iterator[Event]:
    job = yield from _make_job(run, config, device, team)
    if job is None:
        if team.leads:
            yield from _end_early(run)
        return
    standing = job.state.standing
    standing.beginning = max(standing.beginning, job.started - began)
    try:
        yield Started(str(device), threads, standing.step, job.plan.steps, standing.step > 0, team.size)
        yield _froze(job.data)
        yield from map(Note, (*job.data.notes, *job.notes))
        if standing.step == 0 and team.leads:
            yield from _measure_start(job)
        if config.rival and team.leads:
            yield from _measure_rival(job)
        reason = yield from _loop(job)
        job.level()
        team.wait()
        team.leave()
        if team.leads:
            yield from _end(job, reason)
    finally:
        job.close()


def _make_job(
    run: RunFolder, config: TrainingConfig, device: torch.device, team: Team
) -> Generator[Event, None, Job | None]:
    """The run made ready, its data frozen by the first process; None where it was asked to end meanwhile."""

    def check() -> None:
        if run.requested() & ENDING:
            raise Cancelled

    data = None
    with suppress(Cancelled):
        if team.leads:
            data = yield from freezing(run, config, check)
    if not team.agree([data is not None])[0]:
        return None
    return prepare(run, config, data or freeze(run, config, check), device, team)


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


@dataclass(frozen=True)
class _Order:
    """What is done next, the same in every process. done: the share of the training that is over, 0..1.

    measured: whether the weights as they are have been validated.
    """

    asked: frozenset[str]
    reason: str
    done: float
    save: bool
    measured: bool


def _order(job: Job) -> _Order:
    """What the first process decides, by its requests and its clock."""
    asked = job.run.requested() if job.team.leads else set()
    late = time.monotonic() - job.saved > SAVE_SECONDS
    standing = job.state.standing
    known = standing.validated == standing.step
    told = [REASONS.index(_reason(job)), _done(job), late, known, *(name in asked for name in REQUESTS)]
    reason, done, save, measured, *named = job.team.agree(told)
    requests = frozenset(name for name, there in zip(REQUESTS, named, strict=True) if there)
    return _Order(requests, REASONS[int(reason)], done, bool(save), bool(measured))


def _loop(job: Job) -> Generator[Event, None, str]:
    """Steps and validations until something ends them; returns what."""
    standing = job.state.standing
    while True:
        order = _order(job)
        if order.asked & ENDING:
            yield from _tell(job, 0)
            job.asked = set(order.asked)
            return "request"
        if "pause" in order.asked:
            yield from _pause(job)
            continue
        if order.reason:
            if order.reason == "minutes" and not order.measured:
                yield from _validate(job)
            yield from _tell(job, 0)
            return order.reason
        yield from _step(job, order.done)
        if standing.step % job.plan.evaluate_every == 0 or standing.step == job.plan.steps:
            yield from _validate(job)
        elif order.save:
            yield from _save(job)


def _reason(job: Job) -> str:
    """Why the run is over, or ""."""
    standing = job.state.standing
    if standing.step >= job.plan.steps:
        return "steps"
    if job.config.patience and standing.stale >= job.config.patience:
        return "patience"
    if job.limit and standing.step and job.seconds + job.step_seconds + job.closing >= job.limit:
        return "minutes"
    return ""


def _done(job: Job) -> float:
    """The share of the training that is over, by steps or by the clock, whichever is further.

    Of a time limit, what comes after the last step is taken off: the learning rate has fallen by then.
    """
    done = job.state.standing.step / job.plan.steps
    if job.limit:
        left = max(job.limit - job.closing, job.limit / 2)
        done = max(done, job.seconds / left)
    return min(1.0, done)


def _save(job: Job) -> Iterator[Event]:
    """Write last.pt, once every loss up to here is known to be a number."""
    yield from _tell(job, 0)
    job.level()
    job.save()


def _pause(job: Job) -> Iterator[Event]:
    yield from _save(job)
    yield Paused(job.state.standing.step)
    while True:
        asked = _order(job).asked
        if "pause" not in asked or asked & ENDING:
            break
        time.sleep(PAUSE_POLL)
    job.started = job.clock()
    yield Continued(job.state.standing.step)


def _step(job: Job, done: float) -> Iterator[Event]:
    """One step and the Progress of what is known to be done; in smaller pieces where memory runs out."""
    standing, began = job.state.standing, job.clock()
    rate = _set_learning_rate(job, done)
    images, target = job.batches.take(standing.step)
    while True:
        try:
            value = learn(job, images, target)
            break
        except torch.OutOfMemoryError:
            if standing.batch == 1 or job.team.size > 1:
                raise
            standing.batch = -(-standing.batch // 2)
        yield Note(f"The device's memory is full: {standing.batch} patches at once from here on.")
        torch.cuda.empty_cache()
    standing.step += 1
    if job.state.average is not None:
        job.state.average.update(job.state.network, standing.step)
    job.pending.append(Pending(standing.step, Reading(value), rate, job.seconds))
    yield from _tell(job, job.lag)
    job.step_seconds = job.clock() - began  # by now, a graphics card has done the step before


def _set_learning_rate(job: Job, done: float) -> float:
    """Set every group's learning rate for the coming step; returns the decoder's."""
    config = job.config
    step = job.state.standing.step
    rate = config.learning_rate * factor(config.schedule, step, config.warmup_steps, done)
    for group in job.state.optimiser.param_groups:
        group["lr"] = rate * group["share"]
    return rate


def _tell(job: Job, most: int) -> Iterator[Event]:
    """The Progress of all steps but the last `most`; fails where a loss is no number."""
    while len(job.pending) > most:
        step = job.pending.popleft()
        loss = step.loss.get()
        if not math.isfinite(loss):
            raise not_finite("The loss", step.step)
        left = (job.plan.steps - step.step) * step.seconds / step.step
        if job.limit:
            left = min(left, max(0.0, job.limit - step.seconds))
        held = torch.cuda.memory_reserved(job.device) if job.device.type == "cuda" else 0
        event = Progress(
            step.step, job.plan.steps, loss, step.rate, round(step.seconds, 3), round(left, 1), held
        )
        job.record(event)
        yield event


# Validation and the end


def _measure_start(job: Job) -> Iterator[Event]:
    """Score the model that a fine-tuning starts from, to compare with; it is never kept as the best.

    The pinned image is looked at in any case.
    """
    began = job.clock()
    event = _score(job, math.inf) if job.fine_tuned else None
    if event is not None:
        yield event
    yield from job.pinned.look(job.judge, 0, event.mean_dice if event else math.nan, False, job.check)
    if job.fine_tuned:
        job.state.standing.validation_seconds = job.clock() - began


def _measure_rival(job: Job) -> Iterator[Event]:
    """Score the model in use, which the new one has to match; where that fails, the run goes on without."""
    began, standing = job.clock(), job.state.standing
    images = gate_images(job.data, job.judged, job.config.minutes)
    try:
        left_out = measure_rival(job.run, job.config, job.data, images, job.device, job.check)
    except Cancelled:
        return
    except StudioError as error:
        yield Note(f"The model in use can't be compared with: {error}")
        return
    if to_compare(job.run, job.judged):
        standing.comparing_seconds = max(standing.comparing_seconds, job.clock() - began)
    if left_out:
        yield Note(
            f"{count(left_out, 'validation image')} left out of the comparison: "
            f"{Path(job.config.rival).name} learnt from {'it' if left_out == 1 else 'them'}."
        )


def _measure_best(job: Job) -> Iterator[Event]:
    """Score the best model where its rival was scored; where that fails, what validations found stays."""
    try:
        measure_best(job.run, job.config.name, job.data, job.device, job.check)
    except Cancelled:
        return
    except (StudioError, OSError, torch.OutOfMemoryError) as error:
        yield Note(f"The best model is compared on fewer images: {error}")


def _score(job: Job, best: float) -> Validated | None:
    """The judge's scores, as better or no better than `best`; None where a request to end cuts it short."""
    try:
        loss = mean_loss(job.judge, job.loss_patches, job.loss, job.background, job.check)
        if not math.isfinite(loss) and any((target != IGNORE).any() for _, target in job.loss_patches):
            raise not_finite("The validation loss", job.state.standing.step)
        gallery = Gallery(job.data.classes, len(job.judged), job.judged[0].part)
        evaluation, job.evidence = evaluate(job.judge, job.data, job.judged, job.check, gallery.look)
    except Cancelled:
        return None
    step = job.state.standing.step
    event = report(evaluation, job.data.classes, step, loss, best, round(job.seconds, 3))
    event = replace(event, train_iou=_train_iou(job))
    if job.board is not None:
        job.board.record(event)
        job.board.show(step, evaluation, gallery)
    if event.best:
        gallery.save(job.run.validation, step, evaluation)
        keep_scores(job.run, job.config.name, evaluation, job.data)
    return event


def _validate(job: Job) -> Iterator[Event]:
    """Score the averaged weights; keep them where they are the best. A request to end cuts it short.

    The best is kept, then it is told, then the state is saved: a run that is killed in between comes by here
    again when it is resumed, finds the same, and tells it again.
    """
    yield from _tell(job, 0)
    job.state.check_finite()
    job.level()
    if job.state.confusion is not None:
        job.state.confusion = job.team.add(job.state.confusion)
    job.state.standing.validated = job.state.standing.step
    if job.team.leads:
        yield from _judge(job)
    else:
        job.state.confusion = None


def _judge(job: Job) -> Iterator[Event]:
    began = job.clock()
    standing = job.state.standing
    job.judge.network.load_state_dict(job.state.weights())
    event = _score(job, standing.best)
    if event is None:
        standing.validated = -1
        return
    if event.best:
        standing.best, standing.stale = event.mean_dice, 0
        job.metrics = metrics(event)
        job.save_best()
    else:
        standing.stale += 1
    yield event
    yield from job.pinned.look(job.judge, event.step, event.mean_dice, event.best, job.check)
    standing.validation_seconds = job.clock() - began
    job.save()


def _train_iou(job: Job) -> float:
    """The mean IoU of the training patches since the last validation, pooled; NaN before any."""
    if job.state.confusion is None:
        return math.nan
    count = len(job.data.classes.indices)
    matrix = torch.zeros(count, count + 1, dtype=torch.int64)
    matrix[:, :count] = job.state.confusion[:-1].cpu().view(count, count)
    job.state.confusion = None
    return scores(matrix.numpy(), job.data.classes.indices).mean_iou(job.data.classes.background)


def _end(job: Job, reason: str) -> Iterator[Event]:
    asked = job.asked if reason == "request" else set()
    if not asked:
        yield from _measure_best(job)
        asked = job.run.requested() & {"discard"}
    step = job.state.standing.step
    if "discard" in asked:
        _throw_away(job.run)
        yield Discarded(step)
    elif "stop" in asked or not asked:
        if job.state.standing.best < 0:
            yield from _keep_unmeasured(job)
        job.save()
        seconds, model = round(job.seconds, 3), str(job.run.best)
        last = Finished(reason, step, seconds, model, job.metrics)
        end = Stopped(step, seconds, model, job.metrics) if asked else last
        yield from _report(job.run, end)
        yield end
    else:
        job.save()
        job.run.clear_requests()
        raise Interrupted
    job.run.clear_requests()


def _report(run: RunFolder, last: Event) -> Iterator[Event]:
    """Write what a person reads of the run; last: how it ends. Whatever goes wrong there, the run is done."""
    from training.report import write_report

    try:
        write_report(run, last)
    except Exception as error:
        yield Note(f"The report can't be written: {error or type(error).__name__}.")


def _keep_unmeasured(job: Job) -> Iterator[Event]:
    """Keep the weights as they are where no validation has found a best model."""
    job.judge.network.load_state_dict(job.state.weights())
    job.save_best()
    yield Note("No validation has given a score: the model is kept as it is.")


def _throw_away(run: RunFolder) -> None:
    """Remove what a run has learnt; its data and events stay until its folder is deleted."""
    for file in (run.last, run.validation, run.report, run.path / GATE_FILE):
        file.unlink(missing_ok=True)
    shutil.rmtree(run.path / PINNED, ignore_errors=True)
    if run.best.is_dir():
        for path in run.best.iterdir():
            path.unlink()
        run.best.rmdir()
