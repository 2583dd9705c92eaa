"""The display panel: brightness, contrast, gamma and channels of the picture. The file is never touched."""

import math
from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QSignalBlocker, Qt, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from unet_studio.core.display import GAMMAS, Display, Window, brightness_contrast, window_of
from unet_studio.session import Session
from unet_studio.ui.panels.levels import Levels
from unet_studio.ui.widgets import button, form, label, row

COLORS = ("Red", "Green", "Blue")
CURVES = ("#d9463e", "#2f9e4f", "#3f7fe0")  # of red, green and blue in the histogram
ALL = "All channels"
STEPS = 100  # of a slider, to each side
MOST_CLIPPED = 20.0  # per cent
MOST_BOXES = 4  # channels that fit as boxes to tick; more are chosen from lists
LARGEST = 3.4e38  # the largest value of a pixel


class DisplayPanel(QWidget):
    """Shows and sets the session's display."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.channel = QComboBox()
        self.levels = Levels()
        self.black, self.white = QDoubleSpinBox(), QDoubleSpinBox()
        self.brightness, self.contrast, self.gamma = (
            _slider(name) for name in ("Brightness", "Contrast", "Gamma")
        )
        self.values = {slider: label("", "muted", wrap=False) for slider in self._sliders()}
        self.boxes = [QCheckBox(name) for name in COLORS]
        self.lists = [QComboBox() for _ in COLORS]
        self.clip = QDoubleSpinBox()
        self.auto = button("Auto", "", self._auto, "auto-fix")
        self.reset = button("Reset", "Show the image as at first", session.displays.reset)
        self.keep = QCheckBox("Keep for all images")
        self._of: tuple[int, str] | None = None  # channels and dtype that the controls were made for
        self._build()
        self._connect()
        self.refresh_image()

    def _sliders(self) -> tuple[QSlider, QSlider, QSlider]:
        return self.brightness, self.contrast, self.gamma

    def _build(self) -> None:
        self.channel.setAccessibleName("Channel to adjust")
        self.channel.setToolTip("The channel that black, white, brightness and contrast are for")
        self.clip.setRange(0.0, MOST_CLIPPED)
        self.clip.setSingleStep(0.1)
        self.clip.setSuffix(" %")
        self.clip.setValue(self._session.displays.clip)
        self.clip.setAccessibleName("Per cent of the pixels beyond black, and beyond white")
        self.clip.setToolTip("So many per cent of the pixels become black, and as many white")
        self.auto.setToolTip("Choose black and white from the image (Ctrl+Alt+A)")
        self.keep.setToolTip("Show every image of the same kind like this, until the project is closed")
        for field, name in ((self.black, "Black"), (self.white, "White")):
            field.setAccessibleName(f"Value shown as {name.lower()}")
            field.setToolTip(f"The value that is shown as {name.lower()}")
            field.setRange(-LARGEST, LARGEST)
            field.setKeyboardTracking(False)
            field.setMinimumWidth(40)
        self._chooser = QWidget()
        lists = form(*zip(COLORS, self.lists, strict=True))
        lists.setContentsMargins(0, 0, 0, 0)
        self._chooser.setLayout(lists)
        self._ticks = QWidget()
        self._ticks.setLayout(row(*self.boxes, None, spacing=8))
        ends = row(label("Black", wrap=False), self.black, label("White", wrap=False), self.white)
        ends.setStretch(1, 1)
        ends.setStretch(3, 1)
        auto = row(self.auto, self.clip, self.reset)
        auto.setStretch(0, 1)
        auto.setStretch(1, 1)
        self.clip.setMinimumWidth(40)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 4, 12, 12)
        layout.setSpacing(8)
        for part in (self._ticks, self._chooser, self.channel, self.levels):
            layout.addWidget(part)
        layout.addLayout(ends)
        names = [slider.accessibleName() for slider in self._sliders()]
        fields = [row(slider, self.values[slider]) for slider in self._sliders()]
        layout.addLayout(form(*zip(names, fields, strict=True)))
        layout.addLayout(auto)
        layout.addWidget(self.keep)
        layout.addStretch(1)
        for value in self.values.values():
            value.setFixedWidth(self.fontMetrics().horizontalAdvance("−100"))
            value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

    def _connect(self) -> None:
        session = self._session
        session.documentChanged.connect(self.refresh_image)
        session.displayChanged.connect(self.refresh)
        session.displays.measured.connect(self.show_histogram)
        self.levels.wanted.connect(session.displays.measure)  # not before somebody looks
        self.levels.windowChanged.connect(lambda black, white: self._set_window((black, white)))
        self.black.valueChanged.connect(lambda value: self._set_end(0, value))
        self.white.valueChanged.connect(lambda value: self._set_end(1, value))
        self.brightness.valueChanged.connect(self._slide)
        self.contrast.valueChanged.connect(self._slide)
        self.gamma.valueChanged.connect(self._slide_gamma)
        self.channel.activated.connect(self._choose_channel)
        self.clip.valueChanged.connect(self._set_clip)
        self.keep.toggled.connect(session.displays.set_keep)
        for place, box in enumerate(self.boxes):
            box.setToolTip(f"Show {box.text().lower()}; one alone is shown grey")
            box.toggled.connect(self._hider(place))
        for place, choice in enumerate(self.lists):
            choice.setToolTip(f"The channel that is shown as {COLORS[place].lower()}")
            choice.setAccessibleName(f"Channel shown as {COLORS[place].lower()}")
            choice.activated.connect(self._assigner(place))

    # -- what is shown ------------------------------------------------------------------------------------

    @Slot()
    def refresh_image(self) -> None:
        """Another image is on screen, or none: it may have other channels."""
        document, display = self._session.document, self._session.displays.current
        self.setEnabled(document is not None)
        if document is None or display is None:
            self.levels.show_counts([], (0.0, 255.0))
            return
        kind = (len(display.windows), document.image.dtype.name)
        if kind != self._of:
            self._of = kind
            self._offer(display)
        self._set_steps()
        self.refresh()

    def _offer(self, display: Display) -> None:
        """Offer the channels that such an image has."""
        names = self._names()
        self.channel.clear()
        self.channel.addItem(ALL, None)
        for channel, name in enumerate(names):
            self.channel.addItem(name, channel)
        several = len(display.colors) > 1
        lists = len(display.windows) > MOST_BOXES
        self.channel.setVisible(several)
        self._ticks.setVisible(several and not lists)
        self._chooser.setVisible(lists)
        for choice in self.lists:
            choice.clear()
            choice.addItem("None", None)
            for channel, name in enumerate(names):
                choice.addItem(name, channel)

    def _names(self) -> tuple[str, ...]:
        """What the channels that may be shown are called."""
        count, _ = self._of or (1, "")
        if count > MOST_BOXES:
            return tuple(f"Channel {number + 1}" for number in range(count))
        return COLORS if count >= len(COLORS) else ("Grey",)

    def _set_steps(self) -> None:
        """Whole numbers for whole values; as many decimals as floats need."""
        whole = self._of is None or self._of[1] != "float32"
        low, high = self._limits()
        decimals = 0 if whole else min(max(3 - math.floor(math.log10(max(high - low, 1e-30))), 0), 12)
        for field in (self.black, self.white):
            with QSignalBlocker(field):
                field.setDecimals(decimals)
                field.setSingleStep(1.0 if whole else (high - low) / STEPS)

    @Slot()
    def refresh(self) -> None:
        """Show the session's display."""
        display = self._session.displays.current
        if display is None:
            return
        window = display.windows[self._first_chosen(display)]
        brightness, contrast = brightness_contrast(self._limits(), window)
        for field, value in (
            (self.black, window[0]),
            (self.white, window[1]),
            (self.brightness, round(brightness)),
            (self.contrast, round(contrast)),
            (self.gamma, round(STEPS * math.log10(display.gamma))),
        ):
            with QSignalBlocker(field):
                field.setValue(value)  # type: ignore[arg-type]
        texts = (_signed(brightness), _signed(contrast), f"{display.gamma:.2f}")
        for slider, text in zip(self._sliders(), texts, strict=True):
            self.values[slider].setText(text)
        for box, choice, channel in zip(self.boxes, self.lists, _three(display), strict=True):
            with QSignalBlocker(box):
                box.setChecked(channel is not None and channel not in display.hidden)
            choice.setCurrentIndex(0 if channel is None else channel + 1)
        with QSignalBlocker(self.keep):
            self.keep.setChecked(self._session.displays.keep)
        self.levels.show_window(window)
        self.show_histogram()

    @Slot()
    def show_histogram(self) -> None:
        """Draw how often values occur in the channels that are adjusted."""
        histogram, display = self._session.displays.histogram, self._session.displays.current
        if histogram is None or display is None:
            self.levels.show_counts([], self._limits())
            return
        colors = dict(zip(_three(display), CURVES, strict=True)) if len(display.colors) > 1 else {}
        chosen = self._chosen(display)
        self.levels.show_counts(
            [(histogram.counts[channel], colors.get(channel)) for channel in chosen], histogram.limits
        )

    # -- what a person sets -------------------------------------------------------------------------------

    def _chosen(self, display: Display) -> tuple[int, ...]:
        """The channels that are adjusted."""
        channel = self.channel.currentData()
        return display.used if channel is None else (channel,)

    def _first_chosen(self, display: Display) -> int:
        return next(iter(self._chosen(display)), 0)

    def _limits(self) -> Window:
        """The values that brightness 0 and contrast 0 show as black and white."""
        first = self._session.displays.first
        return (0.0, 255.0) if first is None else first.windows[self._first_chosen(first)]

    def _set_window(self, window: Window) -> None:
        display = self._session.displays.current
        if display is not None and window[0] < window[1]:
            self._session.set_display(display.with_window(window, self._chosen(display)))

    def _set_end(self, end: int, value: float) -> None:
        display = self._session.displays.current
        if display is None:
            return
        window = list(display.windows[self._first_chosen(display)])
        window[end] = value
        self._set_window((window[0], window[1]))
        self.refresh()  # also where black was set above white, which is not taken

    def _slide(self, _value: int) -> None:
        self._set_window(window_of(self._limits(), self.brightness.value(), self.contrast.value()))

    def _slide_gamma(self, value: int) -> None:
        display = self._session.displays.current
        if display is not None:
            gamma = min(max(10 ** (value / STEPS), GAMMAS[0]), GAMMAS[1])
            self._session.set_display(replace(display, gamma=round(gamma, 3)))

    @Slot()
    def _choose_channel(self, _place: int) -> None:
        self._set_steps()
        self.refresh()

    def _set_clip(self, value: float) -> None:
        self._session.displays.clip = value

    def _auto(self) -> None:
        channel = self.channel.currentData()
        self._session.displays.auto_contrast(None if channel is None else (channel,))

    def _hider(self, place: int) -> Callable[[bool], None]:
        """What a box does when it is ticked."""

        def hide(on: bool) -> None:
            display = self._session.displays.current
            channel = None if display is None else _three(display)[place]
            if display is not None and channel is not None:
                hidden = display.hidden - {channel} if on else display.hidden | {channel}
                self._session.set_display(replace(display, hidden=frozenset(hidden)))

        return hide

    def _assigner(self, place: int) -> Callable[[int], None]:
        """What choosing the channel for red, green or blue does."""

        def assign(_index: int) -> None:
            display = self._session.displays.current
            if display is not None:
                colors = list(_three(display))
                colors[place] = self.lists[place].currentData()
                self._session.set_display(replace(display, colors=tuple(colors)))

        return assign


def _three(display: Display) -> tuple[int | None, ...]:
    """The channels of red, green and blue; of grey, the one thrice."""
    return display.colors if len(display.colors) > 1 else display.colors * 3


def _signed(value: float) -> str:
    """A whole number with its sign, a true minus."""
    return f"{round(value):+d}".replace("-", "−") if round(value) else "0"


def _slider(name: str) -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setRange(-STEPS, STEPS)
    slider.setAccessibleName(name)
    slider.setToolTip(f"{name}; 0 in the middle" if name != "Gamma" else "Gamma: brighter or darker middle")
    slider.setMinimumWidth(60)
    return slider
