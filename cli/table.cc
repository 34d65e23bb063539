// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include <algorithm>
#include <numeric>

#include "cli/text.h"

#include "base/status.h"

namespace tocsin::cli {
namespace {

constexpr size_t kGap = 2;

}  // namespace

void Table::Add(std::vector<Cell> row) {
  TOCSIN_CHECK(row.size() == columns_.size());
  for (Cell& cell : row) cell.text = Printable(cell.text);
  rows_.push_back(std::move(row));
}

void Table::Print(Output& out) const {
  std::vector<size_t> widths(columns_.size());
  for (size_t i = 0; i < columns_.size(); ++i) {
    widths[i] = DisplayWidth(columns_[i].heading);
    for (const auto& row : rows_) widths[i] = std::max(widths[i], DisplayWidth(row[i].text));
  }
  auto total = [&widths] {
    return std::accumulate(widths.begin(), widths.end(), kGap * (widths.size() - 1));
  };
  while (total() > out.width()) {
    size_t widest = columns_.size();
    for (size_t i = 0; i < columns_.size(); ++i) {
      bool can = columns_[i].least > 0 && widths[i] > columns_[i].least;
      if (can && (widest == columns_.size() || widths[i] > widths[widest])) widest = i;
    }
    if (widest == columns_.size()) break;  // nothing left to give: let the terminal wrap
    --widths[widest];
  }

  auto print = [&](auto text_of, auto colour_of) {
    std::string line;
    for (size_t i = 0; i < columns_.size(); ++i) {
      bool last = i + 1 == columns_.size();
      std::string text = Cut(text_of(i), widths[i]);
      size_t own = DisplayWidth(text);
      std::string fill(widths[i] - std::min(own, widths[i]), ' ');
      if (i > 0) line.append(kGap, ' ');
      if (columns_[i].right) line += fill;
      line += out.Paint(colour_of(i), text);
      if (!columns_[i].right && !last) line += fill;
    }
    out.Line(line);
  };
  print([this](size_t i) { return columns_[i].heading; }, [](size_t) { return Colour::kDim; });
  for (const auto& row : rows_) {
    print([&row](size_t i) { return row[i].text; }, [&row](size_t i) { return row[i].colour; });
  }
}

}  // namespace tocsin::cli
