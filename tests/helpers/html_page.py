"""An HTML page as its parser reads it."""

from html.parser import HTMLParser

VOID = {"meta", "link", "input", "img", "br", "hr", "col", "path", "rect"}


class Page(HTMLParser):
    """All start tags with their attributes and the path of open tags, and the text inside each kind
    of tag.
    """

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.texts = [], [], {}
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs), f"{tag} has an attribute twice"
        self.tags.append((tag, dict(attrs), tuple(self.open)))
        if tag not in VOID:
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs), tuple(self.open)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        for tag in dict.fromkeys(self.open):
            self.texts[tag][-1] += data

    def all(self, name):
        return [attributes for tag, attributes, _ in self.tags if tag == name]
