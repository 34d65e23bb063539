// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cli/output.h"

namespace tocsin::cli {

// Rows under headings, aligned by display width. Columns are as wide as their content; when the
// whole is wider than the output, the columns that allow it shrink, the widest first, and their
// cells are cut.
class Table {
 public:
  struct Column {
    std::string heading;
    bool right = false;  // numbers
    size_t least = 0;    // may shrink to this width; 0: never shrinks
  };
  struct Cell {
    std::string text;  // made Printable() here
    Colour colour = Colour::kNone;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  void Add(std::vector<Cell> row);  // one cell per column
  bool empty() const { return rows_.empty(); }
  void Print(Output& out) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace tocsin::cli
