"""An op, an algorithm and an option that nobody needs, as what a contributor would write to add them: the changes that
tools/count_files.py counts."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Edit:
    """Of one place of a file: `text` comes behind (or, where it says so, in the place of) `anchor`, which must be there once."""

    file: str
    anchor: str
    text: str
    in_place: bool = False

    def apply(self, root: Path) -> None:
        path = root / self.file
        if not self.anchor:
            path.write_text(self.text)
            return
        old = path.read_text()
        if old.count(self.anchor) != 1:
            raise SystemExit(f"{self.file} has {self.anchor!r} {old.count(self.anchor)} times.")
        path.write_text(
            old.replace(self.anchor, self.text if self.in_place else self.anchor + self.text)
        )


def new(file: str, text: str) -> Edit:
    return Edit(file, "", text)


def instead(file: str, anchor: str, text: str) -> Edit:
    return Edit(file, anchor, text, in_place=True)


@dataclass(frozen=True)
class Change:
    row: str  # of the table in CONTRIBUTING.md
    target: int  # files that it may touch
    edits: tuple[Edit, ...]

    @property
    def files(self) -> list[str]:
        return sorted({edit.file for edit in self.edits})

    def apply(self, root: Path) -> None:
        for edit in self.edits:
            edit.apply(root)


# x / (1 + |x|), which both formats have, as something with quantizers in front.
OP = Change(
    "an op",
    5,
    (
        instead("src/graph/op_table.h", "  mish, softplus, round_,", "  mish, softplus, softsign,\n  round_,"),
        Edit(
            "src/graph/op_table.cc",
            '    {Op::softplus, "softplus", kFloat, kNoWeight, 0, 0},\n',
            '    {Op::softsign, "softsign", kInputs, kNoWeight, 0, 0},\n',
        ),
        Edit(
            "src/backends/onnx/op_map.cc",
            '      {"Softplus", Op::softplus},\n',
            '      {"Softsign", Op::softsign},\n',
        ),
        Edit(
            "src/backends/openvino/op_map.cc",
            '      {"SoftPlus", Op::softplus},\n',
            '      {"SoftSign", Op::softsign},\n',
        ),
        new(
            "tests/golden/placement/softsign.txt",
            """## It asks for a quantizer in front.
in = Parameter() : f32[1,4,8,8]
c = Convolution(in, const f32[4,4,3,3]) : f32[1,4,8,8]
s = Softsign/softsign(c) : f32[1,4,8,8]
out = Result(s)
----
quantize in -> c:0 | 8b sym pt
quantize c -> s:0 | 8b sym pt
quantize weight c.1 -> c:1 | 8b sym pc signed narrow axes 0
""",
        ),
    ),
)  # fmt: skip

ALGORITHM = Change(
    "an algorithm",
    4,
    (
        new(
            "src/algorithms/survey.h",
            """// Survey: counts quantizers.
//
// Needs:   a plan.
// Records: none.
// Does:    adds their number to the notes of the plan.
// Source:  none.
#pragma once

#include "algorithms/algorithm.h"

namespace eightbit::algorithms {

extern const Algorithm kSurvey;

}  // namespace eightbit::algorithms
""",
        ),
        new(
            "src/algorithms/survey.cc",
            """#include "algorithms/survey.h"

#include <fmt/format.h>

namespace eightbit::algorithms {

const Algorithm kSurvey = {
    .name = "survey",
    .applies = [](const QuantizeOptions&) { return true; },
    .apply = [](Run&, Plan& plan) {
      plan.notes.push_back(fmt::format("survey: {} quantizers", plan.quantizers.size()));
    }};

}  // namespace eightbit::algorithms
""",
        ),
        new(
            "src/algorithms/survey_test.cc",
            """#include "algorithms/survey.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace eightbit::algorithms {
namespace {

TEST(Survey, IsARow) { EXPECT_TRUE(std::ranges::count(list(), &kSurvey) == 1); }

}  // namespace
}  // namespace eightbit::algorithms
""",
        ),
        Edit(
            "src/algorithms/list.cc",
            '#include "algorithms/smooth_quant.h"\n',
            '#include "algorithms/survey.h"\n',
        ),
        instead("src/algorithms/list.cc", "&kBiasCorrection};", "&kBiasCorrection, &kSurvey};"),
    ),
)

OPTION = Change(
    "an option",
    8,
    (
        instead(
            "include/eightbit/options.h",
            "struct QuantizeOptions {\n",
            "// What nobody tastes.\nenum class Flavour { mild, strong };\n\nstruct QuantizeOptions {\n",
        ),
        Edit(
            "include/eightbit/options.h",
            "  PlacementMode placement = PlacementMode::rules;\n",
            "  Flavour flavour = Flavour::mild;\n",
        ),
        Edit(
            "include/eightbit/options.h",
            "std::string_view to_string(PlacementMode);\n",
            "std::string_view to_string(Flavour);\n",
        ),
        Edit(
            "include/eightbit/option_fields.h",
            '  visit("placement", &QuantizeOptions::placement);\n',
            '  visit("flavour", &QuantizeOptions::flavour);\n',
        ),
        instead(
            "src/config/names.cc",
            "template <typename Enum>\nstd::string_view name_of",
            """template <>
struct Names<Flavour> {
  static constexpr std::string_view kOption = "flavour";
  static constexpr std::array<Row<Flavour>, 2> kRows = {
      {{Flavour::mild, "mild"}, {Flavour::strong, "strong"}}};
};

template <typename Enum>
std::string_view name_of""",
        ),
        Edit(
            "src/config/names.cc",
            "std::string_view to_string(PlacementMode value) { return name_of(value); }\n",
            "std::string_view to_string(Flavour value) { return name_of(value); }\n",
        ),
        Edit(
            "src/config/names.cc",
            "template PlacementMode parse<PlacementMode>(std::string_view);\n",
            "template Flavour parse<Flavour>(std::string_view);\n",
        ),
        instead(
            "cli/option_flags.cc",
            '  add(verb, "recipe", "/recipe", Kind::name,\n',
            """  add(verb, "flavour", "/flavour", Kind::name, "mild (default) or strong", group);
  add(verb, "recipe", "/recipe", Kind::name,
""",
        ),
        Edit("python/eightbit/parameters.py", '    "Engine",\n', '    "Flavour",\n'),
        instead(
            "python/eightbit/parameters.py",
            "class StripFormat(StrEnum):\n",
            '''class Flavour(StrEnum):
    """What nobody tastes."""

    MILD = "mild"
    STRONG = "strong"


class StripFormat(StrEnum):
''',
        ),
        Edit("python/eightbit/quantization/options.py", "    Engine,\n", "    Flavour,\n"),
        Edit(
            "python/eightbit/quantization/options.py",
            "    placement: PlacementMode = PlacementMode.RULES\n",
            "    flavour: Flavour = Flavour.MILD\n",
        ),
        Edit(
            "python/eightbit/quantization/options.py",
            "    placement: PlacementMode\n",
            "    flavour: Flavour\n",
        ),
        instead(
            "python/eightbit/quantization/options.py",
            '_CHOICES = {"target_device": TargetDevice, "recipe": Recipe, "placement": PlacementMode}  # no None\n',
            """_CHOICES = {  # no None
    "target_device": TargetDevice,
    "recipe": Recipe,
    "placement": PlacementMode,
    "flavour": Flavour,
}
""",
        ),
        instead(
            "docs/use.md",
            "| `ignored_scope`, `advanced_parameters` | see",
            "| `flavour` | `mild`, `strong` | `mild` |\n| `ignored_scope`, `advanced_parameters` | see",
        ),
        Edit(
            "CHANGELOG.md", "## 0.1.0, not yet released\n\n", "- `flavour`: what nobody tastes.\n"
        ),
    ),
)

CHANGES = (OP, ALGORITHM, OPTION)
