"""The page of a report: sections under headings, light or dark, without scripts or external resources."""

from __future__ import annotations

from dataclasses import dataclass

from convscope.inert import in_html

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""Content security policy: the browser loads nothing from outside the file and runs nothing."""

STYLE = """
:root { color-scheme: light dark; --ink: #1c1c1c; --paper: #fff; --line: #d8d8d8; --soft: #5a5a5a; --well: #f5f5f3;
  --link: #005a8c }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e4e4; --paper: #16181b; --line: #3a3d42; --soft: #a8a8a8; --well: #1f2226; --link: #6cb8e6 } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 62rem; padding: 2rem 1.2rem 4rem; color: var(--ink); background: var(--paper);
  font: 15px/1.55 system-ui, "Segoe UI", "DejaVu Sans", Arial, sans-serif }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .3rem }
h2 { font-size: 1.2rem; margin: 2.8rem 0 .7rem; padding-top: .9rem; border-top: 1px solid var(--line) }
p { margin: .5rem 0; max-width: 46rem }
p.soft { color: var(--soft) }
a { color: var(--link) }
nav { margin: 1.1rem 0 0; display: flex; flex-wrap: wrap; gap: .3rem 1.1rem }
dl { display: flex; flex-wrap: wrap; gap: .8rem 2.4rem; margin: 1.2rem 0 0 }
dt { color: var(--soft); font-size: .85rem }
dd { margin: 0; font-size: 1.35rem; font-variant-numeric: tabular-nums }
pre, code { font: 13px/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace }
pre { background: var(--well); padding: .7rem .9rem; overflow-x: auto; border-radius: 4px; white-space: pre-wrap;
  overflow-wrap: anywhere }
.convscope table { font-size: .86rem }
.convscope pre { overflow-x: visible }
figure { margin: .8rem 0 1.6rem }
summary { cursor: pointer; color: var(--link); width: fit-content }
@media print { nav, summary { display: none } h2 { break-after: avoid } }
""".strip()


@dataclass(frozen=True)
class Section:
    """A section of a page.

    Attributes:
        title: its heading.
        html: its content, as a fragment.
        lead: a sentence or two before the content.
    """

    title: str
    html: str
    lead: str = ""

    @property
    def anchor(self) -> str:
        """The anchor for links.

        >>> Section("What it got wrong", "").anchor
        'what-it-got-wrong'
        """
        return "-".join(self.title.lower().split())

    def to_html(self) -> str:
        """Return the section as a fragment."""
        lead = f"<p>{in_html(self.lead)}</p>" if self.lead else ""
        head = f'<section aria-labelledby="{self.anchor}"><h2 id="{self.anchor}">{in_html(self.title)}</h2>'
        return f"{head}{lead}{self.html}</section>"


def page(title: str, subtitle: str, facts: tuple[tuple[str, str], ...], sections: tuple[Section, ...]) -> str:
    """Return the complete file.

    Args:
        title: title of the page.
        subtitle: a line below it.
        facts: names and values at the top.
        sections: the sections in order.
    """
    links = "".join(f'<a href="#{part.anchor}">{in_html(part.title)}</a>' for part in sections)
    told = "".join(f"<div><dt>{in_html(name)}</dt><dd>{in_html(value)}</dd></div>" for name, value in facts)
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            f"<title>{in_html(title)}</title>",
            f"<style>\n{STYLE}\n</style></head>",
            f'<body><header><h1>{in_html(title)}</h1><p class="soft">{in_html(subtitle)}</p><dl>{told}</dl>',
            f'<nav aria-label="sections">{links}</nav></header><main>',
            *(part.to_html() for part in sections),
            "</main></body></html>",
            "",
        ]
    )
