"""What programs write into pages between two marks."""

from pathlib import Path


def marks(name: str) -> tuple[str, str]:
    return f"<!-- {name}:begin -->", f"<!-- {name}:end -->"


def rewrite_block(path: Path, name: str, text: str) -> None:
    begin, end = marks(name)
    whole = path.read_text(encoding="utf8")
    if whole.count(begin) != 1 or whole.count(end) != 1:
        raise SystemExit(f"{path} must hold {begin} and {end} once each.")
    before, after = whole.split(begin)[0], whole.split(end)[1]
    path.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf8")
