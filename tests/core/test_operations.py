"""Operations on a class or the mask, each against a slow and plain implementation of its definition."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unet_studio.core import neighbours, operations, pieces
from unet_studio.core.classes import UNLABELLED, ClassTable, PixelClass
from unet_studio.core.document import Document
from unet_studio.core.errors import Cancelled
from unet_studio.core.geometry import TILE, Rect
from unet_studio.core.mask import Mask
from unet_studio.core.operations import AROUND, BACKGROUND, OPERATIONS, Subject
from unet_studio.core.prediction import Prediction, Thresholds
from unet_studio.core.rewriting import Foreseen, prepare

TABLE = ClassTable(tuple(PixelClass(index, f"class {index}", "#123456") for index in range(4)), background=0)
WITHOUT_BACKGROUND = ClassTable(TABLE.classes, background=None)
VALUES = {
    "fill_holes": {"size": st.integers(0, 6), "over": st.booleans(), "diagonal": st.booleans()},
    "drop_specks": {
        "size": st.integers(1, 8),
        "becomes": st.sampled_from([AROUND, BACKGROUND]),
        "diagonal": st.booleans(),
    },
    "keep_largest": {
        "count": st.integers(1, 3),
        "becomes": st.sampled_from([AROUND, BACKGROUND]),
        "diagonal": st.booleans(),
    },
    "grow": {"radius": st.integers(1, 5), "over": st.booleans()},
    "shrink": {"radius": st.integers(1, 5)},
    "smooth": {"radius": st.integers(1, 4)},
    "relabel": {"into": st.integers(0, 3)},
    "clear": {},
    "accept": {},
    "copy": {"over": st.booleans()},
}


@pytest.fixture
def seams(monkeypatch):
    """Borders of bands, tiles and windows in pictures of a few px."""
    monkeypatch.setattr(operations, "BAND", 1)
    monkeypatch.setattr(operations, "TILE", 4)
    monkeypatch.setattr(neighbours, "WINDOW", 5)
    monkeypatch.setattr(pieces, "SPREAD", 7)


# -- the definitions, px by px ------------------------------------------------------------------------------


def flood(keys, start, diagonal):
    """The piece that holds a px, as a set."""
    height, width = len(keys), len(keys[0])
    around = [(-1, 0), (1, 0), (0, -1), (0, 1)]
    if diagonal:
        around += [(-1, -1), (-1, 1), (1, -1), (1, 1)]
    found, waiting = {start}, [start]
    while waiting:
        row, column = waiting.pop()
        for down, right in around:
            at = (row + down, column + right)
            inside = 0 <= at[0] < height and 0 <= at[1] < width
            if inside and at not in found and keys[at[0]][at[1]] == keys[row][column]:
                found.add(at)
                waiting.append(at)
    return found


def pieces_of(keys, diagonal):
    """All pieces in scan order: (value, px)."""
    seen, found = set(), []
    for row in range(len(keys)):
        for column in range(len(keys[0])):
            if (row, column) not in seen:
                piece = flood(keys, (row, column), diagonal)
                seen |= piece
                found.append((keys[row][column], piece))
    return found


def sides(piece, keys, without=frozenset()):
    """The value with which a piece shares the longest border, or None."""
    votes = {}
    for row, column in piece:
        for at in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            inside = 0 <= at[0] < len(keys) and 0 <= at[1] < len(keys[0])
            if inside and at not in piece and at not in without:
                value = keys[at[0]][at[1]]
                votes[value] = votes.get(value, 0) + 1
    return min(votes, key=lambda value: (-votes[value], value)) if votes else None


def plain_fill_holes(labels, index, meant, background, size, over, diagonal):
    keys = [[int(v) if v in meant else UNLABELLED for v in row] for row in labels]
    height, width = labels.shape
    result = labels.copy()
    for value, piece in pieces_of(keys, not diagonal):
        border = any(r in (0, height - 1) or c in (0, width - 1) for r, c in piece)
        if value != UNLABELLED or border or (size and len(piece) > size):
            continue
        new = index if index is not None else sides(piece, keys)
        for at in piece:
            if new is not None and (labels[at] in (background, UNLABELLED) or (over and index is not None)):
                result[at] = new
    return result


def plain_removal(labels, gone, meant, background, becomes):
    result = labels.copy()
    keys = labels.tolist()
    everything = set().union(*gone) if gone else set()
    for piece in gone:
        if becomes == BACKGROUND and background is not None and background not in meant:
            new = background
        else:
            new = sides(piece, keys, everything)
        for at in piece:
            if new is not None:
                result[at] = new
    return result


def plain_drop_specks(labels, index, meant, background, size, becomes, diagonal):
    gone = [p for value, p in pieces_of(labels.tolist(), diagonal) if value in meant and len(p) < size]
    return plain_removal(labels, gone, meant, background, becomes)


def plain_keep_largest(labels, index, meant, background, count, becomes, diagonal):
    found = pieces_of(labels.tolist(), diagonal)
    gone = []
    for value in meant:
        own = sorted((p for v, p in found if v == value), key=lambda p: -len(p))  # stable: scan order
        gone += own[count:]
    return plain_removal(labels, gone, meant, background, becomes)


def nearest(labels, at, classes, radius):
    """The nearest of the classes within radius, of equals the lowest, or None."""
    best = None
    for (row, column), value in np.ndenumerate(labels):
        distance = (row - at[0]) ** 2 + (column - at[1]) ** 2
        if value in classes and distance <= radius**2:
            best = min(best or (math.inf, 0), (distance, int(value)))
    return None if best is None else best[1]


def plain_grow(labels, index, meant, background, radius, over):
    result = labels.copy()
    for at, value in np.ndenumerate(labels):
        free = value in (background, UNLABELLED) or (over and index is not None)
        if free and value not in meant and nearest(labels, at, meant, radius) is not None:
            result[at] = nearest(labels, at, meant, radius)
    return result


def plain_shrink(labels, index, meant, background, radius):
    result = labels.copy()
    around = {background, UNLABELLED} if index is None else set(range(256)) - set(meant)
    for at, value in np.ndenumerate(labels):
        if value in meant and nearest(labels, at, around, radius) is not None:
            result[at] = nearest(labels, at, around, radius)
    return result


def plain_smooth(labels, index, meant, background, radius):
    result = labels.copy()
    rows, columns = np.indices(labels.shape)
    for (row, column), value in np.ndenumerate(labels):
        near = labels[(rows - row) ** 2 + (columns - column) ** 2 <= radius**2]
        votes = np.bincount(near, minlength=256)
        if index is None:
            result[row, column] = value if votes[value] == votes.max() else votes.argmax()
        elif 2 * votes[index] > len(near):
            result[row, column] = index
        elif value == index and 2 * votes[index] < len(near):
            votes[index] = 0
            result[row, column] = votes.argmax()
    return result


def plain_relabel(labels, index, meant, background, into):
    return np.where(np.isin(labels, meant), np.uint8(into), labels)


PLAIN = {
    "fill_holes": plain_fill_holes,
    "drop_specks": plain_drop_specks,
    "keep_largest": plain_keep_largest,
    "grow": plain_grow,
    "shrink": plain_shrink,
    "smooth": plain_smooth,
    "relabel": plain_relabel,
}


@st.composite
def masks(draw, values=(0, 1, 2, 3, UNLABELLED)):
    """Small masks, in patches more often than in noise."""
    height, width = draw(st.integers(1, 13)), draw(st.integers(1, 13))
    grain = draw(st.sampled_from([1, 1, 2, 3]))
    seed = draw(st.integers(0, 2**32 - 1))
    chosen = draw(st.lists(st.sampled_from(values), min_size=1, max_size=len(values), unique=True))
    random = np.random.default_rng(seed)
    coarse = random.choice(np.array(chosen, dtype=np.uint8), (height // grain + 1, width // grain + 1))
    return np.ascontiguousarray(coarse.repeat(grain, 0).repeat(grain, 1)[:height, :width])


@pytest.mark.parametrize("name", PLAIN)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_an_operation_does_what_its_definition_says(seams, name, data):
    labels = data.draw(masks())
    table = data.draw(st.sampled_from([TABLE, WITHOUT_BACKGROUND]))
    index = data.draw(st.sampled_from([None, 0, 1, 2, 3]))
    values = {key: data.draw(strategy) for key, strategy in VALUES[name].items()}
    top = data.draw(st.integers(0, 5))
    subject = Subject(labels, index, table.foreground, table.background, values, top=top)
    found = np.full(labels.shape, 77, dtype=np.uint8)
    end = 0
    for rect, part in OPERATIONS[name].change(subject):
        assert rect.top == end
        end = rect.bottom
        assert end == labels.shape[0] or (end + top) % 4 == 0
        found[rect.slices] = part
    assert end == labels.shape[0]
    expected = PLAIN[name](labels, index, subject.meant, table.background, **values)
    assert np.array_equal(found, expected)


# -- on documents -------------------------------------------------------------------------------------------


@st.composite
def documents(draw):
    mask = draw(masks())
    shape = mask.shape
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    painted = random.random(shape) < draw(st.sampled_from([0.0, 0.3, 1.0]))
    prediction = None
    if draw(st.booleans()):
        labels = random.choice(4, shape).astype(np.uint8)
        labels = np.where(painted | (mask == UNLABELLED), labels, mask).astype(np.uint8)
        prediction = Prediction(labels, random.choice(256, shape).astype(np.uint8), "model")
    annotation = np.where(painted | (prediction is None), mask, np.uint8(UNLABELLED)).astype(np.uint8)
    thresholds = Thresholds(draw(st.sampled_from([{}, {1: 0.6, 2: 0.3}])))
    table = draw(st.sampled_from([TABLE, WITHOUT_BACKGROUND]))
    image = np.zeros(shape, dtype=np.uint8)
    return Document("a.png", image, Mask(annotation), table, prediction, thresholds=thresholds)


def layers(document):
    whole = Rect.of(document.shape)
    return document.mask(), document.annotation.pixels.copy(), document.prediction_region(whole)


@pytest.mark.parametrize("name", OPERATIONS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_an_operation_is_one_step_that_paints_nothing_else_and_spares_what_is_locked(name, data):
    document = data.draw(documents())
    operation = OPERATIONS[name]
    index = data.draw(st.sampled_from([None, 0, 1, 2, 3]))
    values = {key: data.draw(strategy) for key, strategy in VALUES[name].items()}
    locked = frozenset(data.draw(st.lists(st.sampled_from([0, 1, 2, 3]), max_size=2)))
    mask, annotation, predicted = layers(document)
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    source = random.choice([0, 1, 2, 3, UNLABELLED], mask.shape).astype(np.uint8)
    ready = prepare(document, operation, index, values, locked, source=source)
    assert ready.holds_for(document, locked)
    whole = Rect.of(document.shape)
    preview = Foreseen(document, ready.plan).mask() if ready.plan else mask
    assert np.array_equal(document.annotation.pixels, annotation)
    assert document.history.undo_name is None
    if ready.plan is None:
        assert (ready.pixels, ready.places) == (0, 0)
        return
    change = document.land(operation.title, ready.plan)
    now, painted, _ = layers(document)
    changed = painted != annotation
    free = ~np.isin(mask, list(locked))
    about = np.ones_like(changed) if index is None else mask == index
    assert np.array_equal(preview, now)
    assert ready.pixels == changed.sum()
    assert ready.places == len([p for v, p in pieces_of(changed.tolist(), True) if v])
    assert free[changed].all()
    if name in PLAIN:
        subject = Subject(mask, index, document.classes.foreground, document.classes.background, values)
        wanted = PLAIN[name](mask, index, subject.meant, document.classes.background, **values)
        assert np.array_equal(changed, now != mask)
        taken_back = (wanted == UNLABELLED) & (predicted != UNLABELLED)
        assert np.array_equal(now[changed & ~taken_back], wanted[changed & ~taken_back])
        assert (now[changed & taken_back] == document.classes.background).all()
    elif name == "clear":
        assert np.array_equal(changed, about & free & (annotation != UNLABELLED))
        assert (painted[changed] == UNLABELLED).all()
    elif name == "accept":
        assert np.array_equal(now, mask)
        assert np.array_equal(changed, about & free & (annotation == UNLABELLED) & (mask != UNLABELLED))
    else:
        meant = document.classes.foreground if index is None else (index,)
        empty = np.isin(mask, [UNLABELLED, *({document.classes.background} - {None})])
        here = np.isin(source, meant) & free & (values["over"] | empty)
        assert np.array_equal(painted, np.where(here, source, annotation))
    assert change.rect.intersect(whole) == change.rect
    assert document.history.undo_name == operation.title
    document.undo()
    assert np.array_equal(document.annotation.pixels, annotation)
    assert document.history.undo_name is None
    document.redo()
    assert np.array_equal(document.annotation.pixels, painted)


# -- more than one tile -------------------------------------------------------------------------------------


def large_document(seed=0, shape=(700, 900)):
    """Patches of four classes on several tiles, some of them painted."""
    random = np.random.default_rng(seed)
    coarse = random.choice([0, 0, 0, 1, 2, 3], (shape[0] // 20 + 1, shape[1] // 20 + 1)).astype(np.uint8)
    labels = coarse.repeat(20, 0).repeat(20, 1)[: shape[0], : shape[1]].copy()
    labels[random.random(shape) < 0.02] = 1
    annotation = np.full(shape, UNLABELLED, dtype=np.uint8)
    annotation[100:400, 200:600] = labels[100:400, 200:600]
    prediction = Prediction(labels, np.full(shape, 255, dtype=np.uint8), "model")
    return Document("a.png", np.zeros(shape, dtype=np.uint8), Mask(annotation), TABLE, prediction)


@pytest.mark.parametrize("name", OPERATIONS)
def test_tiles_and_bands_leave_no_seam(name, monkeypatch):
    monkeypatch.setattr(operations, "BAND", 1)
    monkeypatch.setattr(neighbours, "WINDOW", 300)
    document = large_document()
    before = document.annotation.pixels.copy()
    source = large_document(1).mask()
    values = OPERATIONS[name].defaults
    subject = Subject(document.mask(), 1, TABLE.foreground, 0, values, source=source)
    wanted = np.concatenate([part for _, part in OPERATIONS[name].change(subject)])
    ready = prepare(document, OPERATIONS[name], 1, values, source=source)
    assert ready.plan
    assert set(ready.plan.tiles) <= set(Rect.of(document.shape).tiles(TILE))
    foreseen = Foreseen(document, ready.plan)
    watches = len(document.annotation._watches)
    for step in (1, 2, 8, 512):
        for rect in (Rect.of(document.shape), Rect(200, 300, 690, 889), Rect(512, 0, 700, 300)):
            seen = [foreseen.mask_region(rect, step), foreseen.annotation_region(rect, step)]
            whole = Foreseen(document, ready.plan)
            assert np.array_equal(seen[0], whole.mask()[rect.slices][::step, ::step])
            assert seen[1].shape == seen[0].shape
    assert len(document.annotation._watches) == watches  # previews leave none behind
    document.land(OPERATIONS[name].title, ready.plan)
    assert np.array_equal(document.mask(), foreseen.mask())
    if name in PLAIN:
        assert np.array_equal(document.mask(), wanted)
    document.undo()
    assert np.array_equal(document.annotation.pixels, before)


@pytest.mark.parametrize("name", [name for name, operation in OPERATIONS.items() if operation.local])
def test_a_local_operation_finds_in_a_part_what_it_finds_in_the_whole(name):
    document, source = large_document(), large_document(1).mask()
    whole = prepare(document, OPERATIONS[name], None, {}, source=source)
    part = prepare(document, OPERATIONS[name], None, {}, source=source, area=Rect(300, 600, 310, 610))
    assert part.area == Rect(256, 512, 512, 768)
    for ready in (whole, part):
        assert (ready.plan is None) == (ready.pixels == 0)
    expected = whole.plan.tiles.get((1, 2)) if whole.plan else None
    found = part.plan.tiles.get((1, 2)) if part.plan else None
    assert (expected is None) == (found is None)
    if found is not None:
        assert set(part.plan.tiles) == {(1, 2)}
        assert np.array_equal(found, expected)
        diff = (found != document.annotation_region(part.area)).sum()
        assert diff == part.pixels


@pytest.mark.parametrize("name", OPERATIONS)
def test_progress_grows_to_the_end_and_a_cancel_leaves_no_trace(name):
    document, source = large_document(), large_document(1).mask()
    before, version = document.annotation.pixels.copy(), document.version
    seen = []
    prepare(document, OPERATIONS[name], None, {}, progress=seen.append, source=source)
    assert seen == sorted(seen)
    assert seen[-1] == 1

    def stop(done):
        if done > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        prepare(document, OPERATIONS[name], None, {}, progress=stop, source=source)
    assert np.array_equal(document.annotation.pixels, before)
    assert (document.version, document.editing, document.history.undo_name) == (version, False, None)


def test_what_was_prepared_holds_until_somebody_paints():
    document = large_document()
    ready = prepare(document, OPERATIONS["grow"], 1, {}, {2})
    assert ready.holds_for(document, frozenset({2}))
    assert not ready.holds_for(document, frozenset())
    document.begin("Brush")
    document.annotation.write(Rect(0, 0, 9, 9), 3)
    assert not ready.holds_for(document, frozenset({2}))
    document.commit()
    assert not ready.holds_for(document, frozenset({2}))
    assert prepare(document, OPERATIONS["grow"], 1, {}).holds_for(document, frozenset())


def test_an_approved_image_becomes_unfinished_and_undo_approves_it_again():
    document = large_document()
    document.approve()
    ready = prepare(document, OPERATIONS["grow"], 1, {})
    wanted = Foreseen(document, ready.plan).mask()
    document.land("Grow", ready.plan)
    assert not document.approved
    assert np.array_equal(document.mask(), wanted)
    document.undo()
    assert document.approved
