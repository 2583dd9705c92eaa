"""Filtering and sorting images: what is left out, in which order, and how little is looked at."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unet_studio.core.catalogue import BROKEN, SORTS, STATES, Catalogue, ImageOrder, Wish
from unet_studio.core.mask_facts import MaskFacts

PAINTED, APPROVED = "painted", "approved"


def facts(name, classes=(), confidence=None):
    return MaskFacts(name, "", dict.fromkeys(classes, 10), {}, confidence)


def codes(*states):
    return np.array([STATES.index(state) for state in states], dtype=np.uint8)


def listed(order):
    return [order.name(row) for row in range(len(order))]


@pytest.fixture
def catalogue():
    made = Catalogue()
    made.set_names(["a.png", "b/A.png", "b/c.png", "d.png"])
    made.set_facts([facts("a.png", [1, 200], 0.9), facts("b/c.png", [1], 0.4), facts("d.png", [254], 0.7)])
    made.set_dates(made.names, np.array([3.0, np.nan, 1.0, 2.0]))
    return made


STATUS = codes(APPROVED, "unlabelled", PAINTED, BROKEN)


@pytest.mark.parametrize(
    ("wish", "wanted"),
    [
        (Wish(), ["a.png", "b/A.png", "b/c.png", "d.png"]),
        (Wish(text="A.P"), ["a.png", "b/A.png"]),
        (Wish(text="b/"), ["b/A.png", "b/c.png"]),
        (Wish(states=frozenset({PAINTED, BROKEN})), ["b/c.png", "d.png"]),
        (Wish(class_index=1), ["a.png", "b/c.png"]),
        (Wish(class_index=200), ["a.png"]),
        (Wish(class_index=254), ["d.png"]),
        (Wish(class_index=0), []),
        (Wish(text="a", states=frozenset({APPROVED}), class_index=1), ["a.png"]),
        (Wish(sort="name_reversed"), ["d.png", "b/c.png", "b/A.png", "a.png"]),
        (Wish(sort="status"), ["b/A.png", "b/c.png", "a.png", "d.png"]),
        (Wish(sort="oldest"), ["b/c.png", "d.png", "a.png", "b/A.png"]),
        (Wish(sort="newest"), ["a.png", "d.png", "b/c.png", "b/A.png"]),
        (Wish(sort="least_sure"), ["b/c.png", "d.png", "a.png", "b/A.png"]),
        (Wish(sort="surest", class_index=1), ["a.png", "b/c.png"]),
    ],
)
def test_wishes(catalogue, wish, wanted):
    assert listed(catalogue.order(wish, STATUS)) == wanted


def test_what_is_known_stays_with_the_images_when_the_folder_is_listed_again(catalogue):
    catalogue.set_names(["a.png", "aa.png", "b/c.png"])
    none = codes("unlabelled", "unlabelled", "unlabelled")
    assert listed(catalogue.order(Wish(class_index=1), none)) == ["a.png", "b/c.png"]
    assert listed(catalogue.order(Wish(sort="oldest"), none)) == ["b/c.png", "a.png", "aa.png"]
    assert catalogue.confidence("b/c.png") == pytest.approx(0.4)
    assert catalogue.confidence("aa.png") is None
    catalogue.forget_facts()
    assert len(catalogue.order(Wish(class_index=1), none)) == 0


def test_neighbours_follow_the_list(catalogue):
    order = catalogue.order(Wish(sort="oldest"), STATUS)
    assert order.beside("d.png", 1) == "a.png"
    assert order.beside("d.png", -1) == "b/c.png"
    assert order.beside("b/A.png", 1) is None
    assert [order.name(row) for row in order.around("d.png", 1)] == ["a.png", "b/A.png", "b/c.png"]
    assert [order.name(row) for row in order.around("d.png", -1)] == ["b/c.png", "b/A.png", "a.png"]


def test_an_image_that_the_filter_hides_lies_between_its_neighbours_by_name(catalogue):
    order = catalogue.order(Wish(states=frozenset({APPROVED, BROKEN})), STATUS)
    assert order.beside("b/c.png", 1) == "d.png"
    assert order.beside("b/c.png", -1) == "a.png"
    assert order.beside(None, 1) == "a.png"
    order = catalogue.order(Wish(text="b/"), STATUS)
    assert [order.beside(name, by) for name in ("a.png", "d.png") for by in (1, -1)] == [
        *("b/A.png", "b/c.png"),
        *("b/A.png", "b/c.png"),
    ]
    reverse = catalogue.order(Wish(text="b/", sort="name_reversed"), STATUS)
    assert (reverse.beside("a.png", 1), reverse.beside("a.png", -1)) == ("b/c.png", "b/A.png")
    assert ImageOrder().beside("b/c.png", 1) is None


@given(
    st.lists(st.text("ab/1", min_size=1, max_size=4), unique=True, max_size=12),
    st.data(),
    st.sampled_from(sorted(SORTS)),
)
def test_every_order_shows_each_wanted_image_once(names, data, sort):
    catalogue = Catalogue()
    catalogue.set_names(names)
    states = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(names), max_size=len(names))))
    unknown = data.draw(st.lists(st.none() | st.floats(0, 1), min_size=len(names), max_size=len(names)))
    catalogue.set_facts([facts(name, [1], value) for name, value in zip(names, unknown, strict=True)])
    wish = Wish(text="a", states=frozenset({"unlabelled", BROKEN}), sort=sort)
    order = catalogue.order(wish, states.astype(np.uint8))
    wanted = [name for name, state in zip(names, states, strict=True) if "a" in name and state in (0, 3)]
    assert sorted(listed(order)) == sorted(wanted)
    assert all(order.row(name) == row for row, name in enumerate(listed(order)))
    assert all(order.row(name) is None for name in set(names) - set(wanted))
    if sort == "least_sure":
        sure = [catalogue.confidence(name) for name in listed(order)]
        known = [value for value in sure if value is not None]
        assert known == sorted(known)
        assert sure[len(known) :] == [None] * (len(sure) - len(known))


def test_a_hundred_thousand_names_are_looked_at_once_a_search():
    looked = []

    class Name(str):
        __slots__ = ()

        def casefold(self):
            looked.append(self)
            return str.casefold(self)

    names = [Name(f"plate {number // 96}/well {number}.tif") for number in range(100_000)]
    catalogue = Catalogue()
    catalogue.set_names(names)
    none = np.zeros(len(names), dtype=np.uint8)
    catalogue.order(Wish(sort="status"), none)
    assert not looked
    assert len(catalogue.order(Wish(text="WELL 99999"), none)) == 1
    assert len(looked) == len(names)
    assert len(catalogue.order(Wish(text="well 9999"), none)) == 11
    assert len(looked) == len(names)
