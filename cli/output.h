// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

// Where answers go (stdout) and what may be done to them there. Diagnostics never come here: they
// go to stderr through Complain().
namespace tocsin::cli {

// What every subcommand returns.
enum ExitCode : int {
  kDone = 0,
  kFailOnReached = 1,
  kUsage = 2,        // the command line, the configuration or the catalogue must be changed
  kInputOutput = 3,  // a file, a disk or a server did not do its part
};

enum class Format { kTable, kJson };

enum class Colour { kNone, kBold, kDim, kRed, kYellow, kGreen, kCyan, kBoldRed };

// Buffered standard output. One thread. A reader that went away (`| head`) ends the process at once
// and quietly with exit code 0, as long as `end_on_broken_pipe` is left on; any other failure is
// said once on stderr and remembered in failed().
class Output {
 public:
  Output();
  ~Output();  // flushes
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void Write(std::string_view text);
  void Line(std::string_view text);  // text and a newline
  void Flush();

  // Each line is handed on at once; otherwise 64 KiB at a time.
  void set_line_buffered(bool on) { line_buffered_ = on; }
  void set_end_on_broken_pipe(bool on) { end_on_broken_pipe_ = on; }
  bool failed() const { return failed_; }

  // On a terminal, and NO_COLOR is not set.
  bool colours() const { return colours_; }
  // `text` in that colour, or as it is.
  std::string Paint(Colour colour, std::string_view text) const;
  // Columns to fit tables in; a huge number where nobody looks (a pipe), so that nothing is cut
  // there.
  size_t width() const { return width_; }
  // Columns for running text: never more than 100.
  size_t prose_width() const { return width_ < 100 ? width_ : 100; }

 private:
  std::string buffer_;
  bool line_buffered_ = false;
  bool end_on_broken_pipe_ = true;
  bool failed_ = false;
  bool colours_ = false;
  size_t width_ = 0;
};

// "tocsin: <sentence>" on stderr.
void Complain(std::string_view sentence);

// One line on stderr that is written over again and again; silent when stderr is no terminal.
class StatusLine {
 public:
  StatusLine();
  ~StatusLine();  // clears it
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  bool shown() const { return terminal_; }
  void Show(std::string_view text);
  void Clear();

 private:
  bool terminal_ = false;
  bool dirty_ = false;
};

}  // namespace tocsin::cli
