"""Editing the document on screen: the tools, what they paint with, and undo.

Every change goes through edit() or a tool, and is journalled, saved and announced by the session.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from unet_studio.core.classes import UNLABELLED
from unet_studio.core.document import FILL_REST, FORGET_ALL, Change, Document, Judgement, UnfinishedError
from unet_studio.core.errors import StudioError
from unet_studio.core.geometry import Rect
from unet_studio.jobs.tasks import TaskThread
from unet_studio.session.landing import Landing
from unet_studio.session.operator import Request
from unet_studio.tools import TOOLS, Outline, PaintRule, Tool, ToolContext

if TYPE_CHECKING:
    from unet_studio.session.session import Session

QUICK_TILES = 400  # as many are undone at once: about 20 ms
LARGE_IMAGE = 4_000_000  # px; above it, approval looks at the mask in a thread
LARGEST_RADIUS = 1000  # px
PRESSURE_WEIGHT = 0.5  # of the newest point in the pressure that counts: pens tremble


class Editor(QObject):
    """toolChanged(tool): the tool, its settings, the brush's size or the rule is another one.

    activeClassChanged(index): the class that is painted. outlinesChanged(): what tools draw over the picture.
    """

    toolChanged = Signal(str)
    activeClassChanged = Signal(int)
    outlinesChanged = Signal()

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self._session = session
        self.tools: dict[str, Tool] = {name: tool() for name, tool in TOOLS.items()}
        self.tool = next(iter(self.tools))
        self.active_class = 1
        self.brush_radius = 12
        self.rule = PaintRule()
        self.pressure_sizes = False
        self.reach = 4.0  # image px; the canvas keeps it the same on screen at every zoom
        self.landing = Landing(session)
        self.landing.changed.connect(self._follow_outlines)
        self._pressure = 1.0
        self._outlines: tuple[Outline, ...] = ()
        self._was_busy = False
        self._values: dict[str, object] = {}  # of the tool in hand when it was heard of last
        self._pressed_at = 0  # the version of the document when the button went down
        self._explained = False  # whether the tool has said itself what came of it
        self._project: object = None  # whose classes the rule is about
        self._tasks = TaskThread("tools")
        self._tasks.done.connect(self._task_done)
        self._tasks.failed.connect(self._task_failed)

    def stop(self) -> None:
        """End the threads."""
        self._tasks.stop()
        self.landing.stop()

    # -- what is painted with -----------------------------------------------------------------------------

    def set_active_class(self, index: int) -> None:
        """Choose the class that the tools paint."""
        if index in self._session.classes.indices and index != self.active_class:
            self.active_class = index
            self.activeClassChanged.emit(index)

    def ensure_active_class(self) -> None:
        """Choose another class where the active one is gone; drop rules about classes that are gone."""
        classes = self._session.classes
        known = frozenset(classes.indices) if self._session.project is self._project else frozenset()
        self._project = self._session.project
        over = "all" if self.rule.over == "class" and self.rule.class_index not in known else self.rule.over
        rule = replace(self.rule, over=over, locked=self.rule.locked & known)
        if rule != self.rule:
            self.set_rule(rule)
        if self.active_class not in classes.indices:
            choices = classes.foreground or classes.indices
            self.active_class = choices[0] if choices else 0
            self.activeClassChanged.emit(self.active_class)

    def set_tool(self, name: str) -> None:
        """Choose a tool. What the other one has begun is finished where it can be."""
        if name in self.tools and name != self.tool:
            self._finish_tool()
            self._cancel_tool()
            self.tool, self._values = name, dict(self.tools[name].values)
            self.toolChanged.emit(name)
            self._follow_outlines()

    def set_brush_radius(self, radius: int) -> None:
        """Set the radius of the brushes, 1 to LARGEST_RADIUS px."""
        self.brush_radius = min(max(int(radius), 1), LARGEST_RADIUS)
        self.toolChanged.emit(self.tool)

    def set_rule(self, rule: PaintRule) -> None:
        """Set where the tools may paint."""
        self.rule = rule
        self.toolChanged.emit(self.tool)

    def set_pressure_sizes(self, on: bool) -> None:
        """Let the pressure of a pen scale the radius, or not."""
        self.pressure_sizes = on
        self.toolChanged.emit(self.tool)

    def set_setting(self, tool: str, name: str, value: bool | int | float | str) -> None:
        """Set one of the settings that a tool declares."""
        self.tools[tool].values[name] = value
        self.toolChanged.emit(self.tool)

    # -- the tools ----------------------------------------------------------------------------------------

    def pointer(
        self,
        kind: str,
        row: float,
        column: float,
        modifiers: Collection[str] = frozenset(),
        pressure: float = 1.0,
    ) -> None:
        """Give a pointer event to the tool. kind: press, move, release, hover, double or cancel.

        row, column: in image px. pressure: of a pen, 0..1.
        """
        document, tool = self._session.document, self.tools[self.tool]
        if document is None or (tool.paints and (not self._session.editable or self.landing.under_way)):
            if kind == "press":
                self._session.operator.say_running()
                self._session.importer.say_running()
            return
        weight = PRESSURE_WEIGHT if kind in ("move", "release") else 1.0
        self._pressure += (pressure - self._pressure) * weight
        if kind in ("press", "double"):
            self._pressed_at, self._explained = document.version, False
        context = self.context(document)
        if kind == "cancel":
            self._act(document, lambda: tool.cancel(context))
        else:
            self._act(document, lambda: getattr(tool, kind)(context, row, column, frozenset(modifiers)))
        if kind == "release":
            self._pressure = 1.0
            self._say_in_vain(document, tool)

    def tool_key(self, name: str) -> bool:
        """Give "enter", "escape" or "backspace" to what is unfinished. Returns whether anything was."""
        document, tool = self._session.document, self.tools[self.tool]
        if self.landing.under_way or self._session.operator.running:
            if name == "escape":
                self.landing.cancel()
                self._session.operator.cancel()
            return True
        if document is None or not tool.busy:
            return False
        context = self.context(document)
        self._pressed_at, self._explained = document.version, False
        self._act(document, lambda: tool.cancel(context) if name == "escape" else tool.key(context, name))
        if name == "enter":
            self._say_in_vain(document, tool)
        return True

    @property
    def busy(self) -> bool:
        """Whether Enter, Escape and Backspace belong to the tool now."""
        lands = self.landing.under_way or bool(self._session.operator.running)
        return lands or self.tools[self.tool].busy

    @property
    def hovers(self) -> bool:
        """Whether the tool wants to know where the pointer is while no button is down."""
        return type(self.tools[self.tool]).hover is not Tool.hover

    def _say_in_vain(self, document: Document, tool: Tool) -> None:
        """Say why nothing changed, where the rule may be the reason."""
        unfinished = tool.busy or self.landing.under_way or not self._tasks.idle
        in_vain = document.version == self._pressed_at and not unfinished and not self._explained
        if tool.paints and not self.rule.free and in_vain:
            self._session.message.emit(f"Nothing was painted: {self._rule_in_words()}.")

    def _explain(self, text: str) -> None:
        """A tool says why nothing happened, from any thread."""
        self._explained = True
        self._session.message.emit(text)

    def _rule_in_words(self) -> str:
        """What may be painted over."""
        names = {entry.index: entry.name for entry in self._session.classes.active}
        only = {
            "all": "",
            "unlabelled": "only pixels that nobody painted may be painted over",
            "class": f"only {names.get(self.rule.class_index, 'one class')} may be painted over",
        }[self.rule.over]
        locked = ", ".join(names[index] for index in sorted(self.rule.locked) if index in names)
        return " and ".join(filter(None, [only, f"locked: {locked}" if locked else ""]))

    @property
    def outlines(self) -> tuple[Outline, ...]:
        """What the tool draws over the picture."""
        return self._outlines

    @property
    def cursor_radius(self) -> float | None:
        """Radius of the ring around the pointer in image px; None for a plain cursor."""
        document = self._session.document
        return None if document is None else self.tools[self.tool].cursor_radius(self.context(document))

    def context(self, document: Document) -> ToolContext:
        """What a tool may know and do now."""
        scale = self._pressure if self.pressure_sizes and self.tools[self.tool].pressured else 1.0
        return ToolContext(
            document,
            self.active_class,
            max(self.brush_radius * scale, 0.5),
            self._session.classes.background,
            self.set_active_class,
            self._session.announce,
            self.rule,
            self._later,
            self._changed,
            self._session.pyramid.region if self._session.pyramid is not None else None,
            self.reach,
            self.landing.begin,
            self._explain,
        )

    def leave(self) -> None:
        """The document is left: finish what the tool has begun where it can be, take a drag back, land."""
        self._finish_tool()
        self.abandon()

    def abandon(self) -> None:
        """Take back what is unfinished, of a drag or of a tool between two clicks; what lands, lands now."""
        self._cancel_tool()
        self.landing.settle()

    def _finish_tool(self) -> None:
        document, tool = self._session.document, self.tools[self.tool]
        planned = self.landing.under_way or self._session.operator.running
        if document is not None and tool.busy and not planned:
            self._act(document, lambda: tool.finish(self.context(document)))

    def _cancel_tool(self) -> None:
        document = self._session.document
        if document is None:
            return
        tool = self.tools[self.tool]
        if document.editing or tool.busy:
            self._after(tool.cancel(self.context(document)), document)
        if document.editing:
            self._session.maskChanged.emit(document.rollback())

    def _act(self, document: Document, act: Callable[[], Rect | None]) -> None:
        """Let the tool act. Where it raises, what is unfinished is taken back: the next event works."""
        try:
            changed = act()
        except BaseException:
            self._cancel_tool()
            raise
        self._after(changed, document)

    def _after(self, changed: Rect | None, document: Document) -> None:
        """After an event of the tool: tell the views."""
        self._changed(changed)
        self._follow_outlines()
        values = self.tools[self.tool].values
        if values != self._values:  # a drag sets a tolerance, say
            self._values = dict(values)
            self.toolChanged.emit(self.tool)
        if not document.editing:
            self._session.predictor.drag_ended()

    def _changed(self, rect: Rect | None) -> None:
        if rect is not None and not rect.empty:
            self._session.maskChanged.emit(rect)

    @Slot()
    def _follow_outlines(self, *_: object) -> None:
        """Announce other outlines, and that undo means something else; what lands keeps its outline."""
        document, tool = self._session.document, self.tools[self.tool]
        if tool.busy != self._was_busy:
            self._was_busy = tool.busy
            self._session.historyChanged.emit()
        if self.landing.under_way:
            return
        now = () if document is None else tool.outlines(self.context(document))
        if now != self._outlines:
            self._outlines = now
            self.outlinesChanged.emit()

    def _later(self, compute: Callable[[], Any], apply: Callable[[Any], None]) -> None:
        document = self._session.document
        self._tasks.submit("tool", lambda: (document, apply, compute()))

    @Slot(object, object)
    def _task_done(self, key: Any, result: Any) -> None:
        if key == "tool":
            document, apply, value = result
            if document is self._session.document and document is not None:
                apply(value)
                self._after(None, document)
        elif key == "approve":
            self._judged(*result)

    @Slot(object, object)
    def _task_failed(self, key: Any, error: StudioError) -> None:
        if key == "tool":
            self.abandon()
        self._session.say_failed(error)

    def _judged(self, document: Document, judgement: Judgement) -> None:
        """Approve what was looked at, where it is still on screen and as it was; a stroke goes on."""
        if document is not self._session.document:  # another project may have an image of the same name
            return
        if document.editing or self.landing.under_way or judgement.version != document.version:
            self._session.message.emit("The mask changed while it was looked at: approve it again.")
        elif self._session.editable:
            self._carry_out(document, lambda current: current.approve(judgement))

    # -- steps --------------------------------------------------------------------------------------------

    @property
    def can_undo(self) -> bool:
        """Whether there is a step, or a tool's unfinished work, to take back."""
        return self._session.editable and self.undo_name is not None

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to do again; not in the middle of a tool's work."""
        return self._session.editable and not self.busy and self.redo_name is not None

    @property
    def undo_name(self) -> str | None:
        """What undo would take back."""
        document, tool = self._session.document, self.tools[self.tool]
        if self.busy:
            return tool.piece or tool.title
        return document.history.undo_name if document else None

    @property
    def redo_name(self) -> str | None:
        """What redo would do again."""
        document = self._session.document
        return document.history.redo_name if document else None

    def undo(self) -> None:
        """Take the last step back; in the middle of a tool's work, its last piece, or else all of it."""
        if self.busy:
            piece = self.tools[self.tool].piece and not self.landing.under_way
            self.tool_key("backspace" if piece else "escape")
        else:
            self._step(-1)

    def redo(self) -> None:
        """Do the step last undone again."""
        if not self.busy:
            self._step(1)

    def _step(self, by: int) -> None:
        if self._session.document is not None:
            self.jump(self._session.document.history.place + by)

    def jump(self, place: int) -> None:
        """Undo or redo until so many steps of the history are done; long ways in a thread."""
        document = self._session.document
        if document is None or not self._session.editable:
            return
        self.abandon()
        history = document.history
        if not 0 <= place <= len(history) or document.distance(place) <= QUICK_TILES:
            self.edit(lambda current: current.jump(place))
            return
        name = "Undo" if place < history.place else "Redo"
        self.landing.begin(
            name,
            lambda progress: document.plan_jump(place, progress),
            lambda plan: document.jump(place, plan),
        )

    def clear_annotation(self) -> None:
        """Return every painted pixel of this image to unlabelled, as one step; of large ones in a thread."""
        if self._large or self.rule.locked:
            self._session.operator.apply(Request("clear", title=FORGET_ALL))
        else:
            self.edit(Document.forget_all)

    def fill_rest(self) -> None:
        """Make background, or else the active class, of every pixel that has no class yet; see above."""
        background = self._session.classes.background
        value = self.active_class if background is None else background
        if self._large:
            self._session.operator.apply(Request("relabel", UNLABELLED, {"into": value}, FILL_REST))
        else:
            self.edit(lambda document: document.fill_rest(value))

    @property
    def _large(self) -> bool:
        """Whether looking at all of the mask would hold the window up."""
        document = self._session.document
        return document is not None and document.shape[0] * document.shape[1] > LARGE_IMAGE

    def unapprove(self) -> None:
        """Take the approval back."""
        self.edit(Document.unapprove)

    def approve(self) -> None:
        """Say that the whole mask is right. Large masks are looked at in a thread first."""
        session, document = self._session, self._session.document
        if document is None or not session.editable or document.approved:
            return
        if session.predictor.stale:
            session.failed.emit(
                f"The prediction shown is an old one ({session.predictor.stale_because}).",
                "Wait until it is renewed, or predict this image.",
            )
        elif self._large:
            self._tasks.submit("approve", lambda: (document, document.judge()))
        else:
            self.edit(Document.approve)

    def edit(self, action: Callable[[Document], Change | None]) -> None:
        """Do something undoable to the document and announce it; say what is in the way."""
        document = self._session.document
        if document is not None and self._session.editable:
            self.abandon()
            self._carry_out(document, action)

    def _carry_out(self, document: Document, action: Callable[[Document], Change | None]) -> None:
        session = self._session
        try:
            change = action(document)
        except UnfinishedError as error:
            session.unfinished.emit(error.message, error.remedy)
            return
        except StudioError as error:
            session.say_failed(error)
            return
        if change is not None:
            session.maskChanged.emit(change.rect)
            session.announce(change)
