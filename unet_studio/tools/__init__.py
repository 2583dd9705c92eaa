"""The tools of the window: pointer events in, edits out; one file a tool, no Qt."""

from unet_studio.tools.accept import Accept
from unet_studio.tools.brush import Brush
from unet_studio.tools.component import Component
from unet_studio.tools.ellipse import Ellipse
from unet_studio.tools.enclosed import FillEnclosed
from unet_studio.tools.eraser import Eraser
from unet_studio.tools.fill import Fill
from unet_studio.tools.forget import Forget
from unet_studio.tools.lasso import Lasso
from unet_studio.tools.line import Line
from unet_studio.tools.pick import Pick
from unet_studio.tools.polygon import Polygon
from unet_studio.tools.rectangle import Rectangle
from unet_studio.tools.rule import PaintRule
from unet_studio.tools.smart_fix import SmartFix
from unet_studio.tools.tool import Modifiers, Outline, Setting, Tool, ToolContext
from unet_studio.tools.wand import Wand

# Name -> tool, in the order of the tool bar. A new tool is one file and one word here.
TOOLS: dict[str, type[Tool]] = {
    tool.name: tool
    for tool in (
        *(Brush, Eraser, Forget, Accept),
        *(Polygon, Lasso, Rectangle, Ellipse, Line),
        *(SmartFix, Wand, Fill, FillEnclosed, Component),
        Pick,
    )
}

__all__ = ["TOOLS", "Modifiers", "Outline", "PaintRule", "Setting", "Tool", "ToolContext"]
