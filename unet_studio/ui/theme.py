"""Light and dark: the colour tokens of both, their palettes, and the one style sheet filled with them."""

from dataclasses import asdict, dataclass
from string import Template

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory

from unet_studio.core.resources import resources
from unet_studio.ui.of_application import of_application

CHOICES = {"system": "Follow the system", "light": "Light", "dark": "Dark"}


@dataclass(frozen=True)
class Tokens:
    """Every colour of the window, #rrggbb, named after its part in it."""

    name: str
    window: str  # behind the panels
    surface: str  # panels, lists
    field: str  # what one types or chooses in
    hover: str
    pressed: str
    border: str
    strong_border: str
    text: str
    muted: str
    faint: str  # disabled text
    accent: str
    accent_hover: str
    on_accent: str
    selection: str  # behind a selected row
    good: str
    warning: str
    danger: str
    good_back: str
    warning_back: str
    danger_back: str
    info_back: str
    canvas: str


# Text on its background reaches a contrast of 4.5:1 or more in both (WCAG 2.2, 1.4.3).
LIGHT = Tokens(
    "light",
    window="#eef0f3", surface="#f8f9fb", field="#ffffff", hover="#e3e7ed", pressed="#d5dbe4",
    border="#d9dde4", strong_border="#b9c0cb", text="#1d2129", muted="#5a6372", faint="#9aa2ae",
    accent="#2463c9", accent_hover="#1c53ad", on_accent="#ffffff", selection="#d9e6fb",
    good="#15703f", warning="#8f5b00", danger="#b93127",
    good_back="#dff3e7", warning_back="#fdf0d0", danger_back="#fce3e0", info_back="#e1ebfb",
    canvas="#dde1e7",
)  # fmt: skip

DARK = Tokens(
    "dark",
    window="#17191d", surface="#1f2227", field="#282c33", hover="#30353d", pressed="#3a404a",
    border="#2e333b", strong_border="#474e5a", text="#e3e6eb", muted="#a8b1bd", faint="#656e7b",
    accent="#6ea4f7", accent_hover="#8ab6fa", on_accent="#0d1520", selection="#2a3f61",
    good="#5fc690", warning="#e7b458", danger="#f49289",
    good_back="#193527", warning_back="#3b2f16", danger_back="#43211f", info_back="#1e2f4a",
    canvas="#121417",
)  # fmt: skip

TOKENS = {"light": LIGHT, "dark": DARK}


def make_palette(tokens: Tokens) -> QPalette:
    """The QPalette of a theme, for everything that the style sheet leaves to the style."""
    palette = QPalette()
    role = QPalette.ColorRole
    for target, color in {
        role.Window: tokens.surface,
        role.WindowText: tokens.text,
        role.Base: tokens.field,
        role.AlternateBase: tokens.surface,
        role.Text: tokens.text,
        role.Button: tokens.field,
        role.ButtonText: tokens.text,
        role.BrightText: tokens.danger,
        role.ToolTipBase: tokens.field,
        role.ToolTipText: tokens.text,
        role.PlaceholderText: tokens.muted,
        role.Highlight: tokens.accent,
        role.HighlightedText: tokens.on_accent,
        role.Accent: tokens.accent,
        role.Link: tokens.accent,
        role.LinkVisited: tokens.accent,
        role.Light: tokens.hover,
        role.Midlight: tokens.hover,
        role.Mid: tokens.border,
        role.Dark: tokens.strong_border,
        role.Shadow: tokens.border,
    }.items():
        palette.setColor(target, QColor(color))
    for target in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, target, QColor(tokens.faint))
    return palette


def style_sheet(tokens: Tokens) -> str:
    """The text of resources/style/studio.qss with every $token replaced by its colour."""
    folder = resources() / "style"
    text = (folder / "studio.qss").read_text(encoding="utf-8")
    return Template(text).substitute(asdict(tokens), folder=folder.as_posix())


class Theme(QObject):
    """The theme of the application: what a person chose, and the tokens that follow from it."""

    changed = Signal()

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        self._app = app
        self.choice = "system"
        self.tokens = LIGHT
        app.setStyle(QStyleFactory.create("Fusion"))
        app.styleHints().colorSchemeChanged.connect(self._refresh)

    @property
    def device_ratio(self) -> float:
        """Device pixels a logical pixel on the main screen."""
        return self._app.primaryScreen().devicePixelRatio()

    def choose(self, choice: str) -> None:
        """Apply "system", "light" or "dark"."""
        self.choice = choice if choice in CHOICES else "system"
        scheme = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}
        self._app.styleHints().setColorScheme(scheme.get(self.choice, Qt.ColorScheme.Unknown))
        self._refresh()

    def _refresh(self) -> None:
        """Show the tokens that the choice and the system ask for, if they are not shown already."""
        dark = self._app.styleHints().colorScheme() == Qt.ColorScheme.Dark
        wanted = TOKENS.get(self.choice, DARK if dark else LIGHT)
        if wanted is self.tokens and self._app.styleSheet():
            return
        self.tokens = wanted
        self._app.setPalette(make_palette(wanted))
        self._app.setStyleSheet(style_sheet(wanted))
        self.changed.emit()


def theme() -> Theme:
    """The theme of the running application, made on the first call."""
    return of_application(Theme)
