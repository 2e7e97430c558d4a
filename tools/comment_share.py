#!/usr/bin/env python3
"""How much of the headers is comment: lines that hold nothing else, over all lines that are not blank.

tools/comment_share.py [FOLDER]          include/ where none is given
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def counts(header: Path) -> tuple[int, int]:
    """Lines of comment, and lines that are not blank."""
    lines = [line.strip() for line in header.read_text(encoding="utf8").splitlines()]
    return sum(line.startswith("//") for line in lines), sum(bool(line) for line in lines)


def share(folder: Path) -> float:
    comments, lines = map(sum, zip(*map(counts, folder.rglob("*.h")), strict=True))
    return comments / lines


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "include"
    for header in sorted(folder.rglob("*.h")):
        comments, lines = counts(header)
        print(f"{comments / lines:5.0%} of {lines:4} lines  {header.relative_to(folder)}")
    print(f"{share(folder):5.1%} in all")


if __name__ == "__main__":
    main()
