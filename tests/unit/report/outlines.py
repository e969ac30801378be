"""What a page says and how it is built: tags with their attributes, texts, and whether every tag was closed."""

from html.parser import HTMLParser

VOID = {"meta", "path", "circle", "rect", "use", "br"}


class Outline(HTMLParser):
    """A page taken apart; ``texts`` by the tag that they stand in."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tags, self.texts, self.open, self.is_balanced = [], {}, [], True
        self._visible = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        self.is_balanced &= bool(self.open) and self.open.pop() == tag

    def handle_data(self, data):
        for tag in self.open[-1:]:
            self.texts.setdefault(tag, []).append(data)
        if "style" not in self.open:
            self._visible.append(data)

    @property
    def attributes(self):
        return [(name, value) for _, attrs in self.tags for name, value in attrs.items()]

    @property
    def text(self):
        """All that is not style, with single spaces."""
        return " ".join("".join(self._visible).split())

    def text_of(self, tag):
        return "".join(self.texts.get(tag, []))
