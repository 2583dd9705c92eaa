"""Pages that open from a disk, with nothing from elsewhere: one file, light or dark as the reader's system.

Whatever is foreign, such as names of classes and files, goes through `escaped`.
"""

from collections.abc import Iterable, Sequence

from unet_studio.core.sheet import THEME, Sheet, escaped

_LIGHT = {**THEME, "raised": "#f6f8fa"}
_DARK = {"ink": "#e6edf3", "faint": "#9aa4af", "rule": "#3a424b", "paper": "#15191e", "raised": "#1e242b"}
_STYLE = """
:root { color-scheme: light dark; %LIGHT% }
@media (prefers-color-scheme: dark) { :root { %DARK% } }
@media print { :root { color-scheme: light; %LIGHT% } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1200px; padding: 1.5rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 .25rem; }
p { margin: .25rem 0 .75rem; } .faint, figcaption { color: var(--faint); }
ul { margin: .25rem 0; padding-left: 1.25rem; }
a { color: inherit; }
.scroll { overflow-x: auto; margin-bottom: .75rem; }
.numbers { display: flex; flex-wrap: wrap; gap: 1.5rem 2rem; margin: 1rem 0; padding: 0; }
.numbers div { min-width: 6rem; } .numbers dt { color: var(--faint); font-size: .85rem; }
.numbers dd { margin: 0; font-size: 1.35rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--faint); padding-bottom: .25rem; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--rule); text-align: right;
  vertical-align: top; }
td { white-space: nowrap; } th { max-width: 30rem; overflow-wrap: break-word; }
table.facts td { white-space: normal; } table.facts { min-width: min(100%, 24rem); }
th:first-child, td:first-child, table.facts td { text-align: left; }
thead th { background: var(--raised); } th { font-weight: 600; }
table.facts td { overflow-wrap: anywhere; }
.swatch { display: inline-block; width: .8em; height: .8em; margin-right: .4em; vertical-align: -.05em;
  border: 1px solid var(--faint); }
.row { display: flex; flex-wrap: wrap; gap: 1rem; }
figure { margin: 0; }
.row > figure { flex: 1 1 390px; max-width: 560px; } .row > figure > svg { width: 100%; height: auto; }
.shown { display: grid; gap: .5rem; margin: .75rem 0 1.25rem; }
.shown figure img { max-width: 100%; max-height: 260px; display: block; }
.shown figcaption { font-size: .85rem; }
details { margin: .5rem 0; } summary { cursor: pointer; }
@media print { body { max-width: none; } .shown { break-inside: avoid; } }
"""


def page(title: str, parts: Iterable[str]) -> str:
    """A whole page."""
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            # Should a name slip through unescaped one day, nothing in it is fetched or run.
            '<meta http-equiv="Content-Security-Policy" '
            "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">",
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escaped(title)}</title>",
            f"<style>{_style()}</style>",
            "</head>",
            "<body>",
            "<main>",
            *parts,
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _style() -> str:
    light, dark = (" ".join(f"--{name}: {color};" for name, color in one.items()) for one in (_LIGHT, _DARK))
    return _STYLE.replace("%LIGHT%", light).replace("%DARK%", dark)


def table(
    caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], colors: Sequence[str] = ()
) -> str:
    """A table with a head over its columns and a name before each row. Everything is escaped here.

    colors: #rrggbb of the rows, for a swatch before their names; fewer than rows leave the others without.
    """
    heads = "".join(f'<th scope="col">{escaped(text)}</th>' for text in head)
    lines = []
    for number, (name, *cells) in enumerate(rows):
        swatch = _swatch(colors[number]) if number < len(colors) else ""
        columns = "".join(f"<td>{escaped(cell)}</td>" for cell in cells)
        lines.append(f'<tr><th scope="row">{swatch}{escaped(name)}</th>{columns}</tr>')
    body = "\n".join(lines)
    return (
        f'<div class="scroll" tabindex="0"><table><caption>{escaped(caption)}</caption>'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>{body}</tbody></table></div>"
    )


def facts(caption: str, rows: Iterable[tuple[str, str]]) -> str:
    """A table of names and values."""
    lines = (f'<tr><th scope="row">{escaped(a)}</th><td>{escaped(b)}</td></tr>' for a, b in rows)
    return (
        f'<div class="scroll" tabindex="0"><table class="facts"><caption>{escaped(caption)}</caption>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def numbers(rows: Iterable[tuple[str, str]]) -> str:
    """The few figures that count."""
    entries = "".join(f"<div><dt>{escaped(a)}</dt><dd>{escaped(b)}</dd></div>" for a, b in rows)
    return f'<dl class="numbers">{entries}</dl>'


def figure(sheet: Sheet) -> str:
    """A drawing in the page's colours."""
    return f'<figure class="scroll" tabindex="0">{sheet.to_svg(themed=True)}</figure>'


def picture(url: str, alt: str, caption: str) -> str:
    """A picture that is held by its URL."""
    return (
        f'<figure><img src="{escaped(url)}" alt="{escaped(alt)}" loading="lazy">'
        f"<figcaption>{escaped(caption)}</figcaption></figure>"
    )


def grid(pictures: Sequence[str]) -> str:
    """Pictures side by side, equally wide."""
    columns = f"grid-template-columns: repeat({len(pictures)}, minmax(0, 320px))"
    return f'<div class="shown" style="{columns}">{"".join(pictures)}</div>'


def details(summary: str, content: str) -> str:
    """What is opened on demand."""
    return f"<details><summary>{escaped(summary)}</summary>{content}</details>"


def legend(entries: Iterable[tuple[str, str]]) -> str:
    """Colours (#rrggbb) with their names."""
    parts = (f"<span>{_swatch(color)}{escaped(name)}</span>" for color, name in entries)
    return f'<p class="row">{"".join(parts)}</p>'


def _swatch(color: str) -> str:
    return f'<span class="swatch" style="background: {escaped(color)}"></span>'
