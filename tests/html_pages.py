"""HTML pages, read: tags, rows, sections, links."""

import re
from html.parser import HTMLParser

VOID = {"meta", "link", "input", "br", "path", "img"}  # elements without an end tag on these pages


class Page(HTMLParser):
    """Tags with attributes, the text of each table row, and the balance of tags."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.rows, self.open, self.text = [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, text):
        self.text.append(text)
        if "tr" in self.open and text.strip():
            self.rows[-1].append(text.strip())


def section_of(html, name):
    """Return one section of the page, from its tag to its end tag."""
    return re.search(f'<section id="section-{name}">.*?</section>', html, re.DOTALL).group()


def links_of(html):
    """Return the addresses of all links and pictures of a page."""
    return [a.get("href") or a.get("src") for _, a in Page(html).tags if "href" in a or "src" in a]
