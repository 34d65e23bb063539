// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

#include "cli/text.h"
#include <fmt/core.h>
#include <sys/ioctl.h>

namespace tocsin::cli {
namespace {

constexpr size_t kBuffer_bytes = 64 << 10;
constexpr size_t kUnlimited = 1 << 20;

size_t TerminalWidth(int fd) {
  if (const char* columns = std::getenv("COLUMNS"); columns != nullptr) {
    int value = std::atoi(columns);
    if (value >= 20) return static_cast<size_t>(value);
  }
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20) return size.ws_col;
  return 80;
}

const char* Escape(Colour colour) {
  switch (colour) {
    case Colour::kNone:
      return "";
    case Colour::kBold:
      return "\x1b[1m";
    case Colour::kDim:
      return "\x1b[2m";
    case Colour::kRed:
      return "\x1b[31m";
    case Colour::kYellow:
      return "\x1b[33m";
    case Colour::kGreen:
      return "\x1b[32m";
    case Colour::kCyan:
      return "\x1b[36m";
    case Colour::kBoldRed:
      return "\x1b[1;31m";
  }
  return "";
}

}  // namespace

Output::Output() {
  bool terminal = isatty(STDOUT_FILENO) == 1;
  const char* no_colour = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  colours_ = terminal && (no_colour == nullptr || *no_colour == '\0') &&
             (term == nullptr || std::strcmp(term, "dumb") != 0);
  line_buffered_ = terminal;
  width_ =
      terminal || std::getenv("COLUMNS") != nullptr ? TerminalWidth(STDOUT_FILENO) : kUnlimited;
}

Output::~Output() { Flush(); }

void Output::Write(std::string_view text) {
  buffer_ += text;
  if (buffer_.size() >= kBuffer_bytes || (line_buffered_ && text.find('\n') != text.npos)) Flush();
}

void Output::Line(std::string_view text) {
  buffer_ += text;
  Write("\n");
}

void Output::Flush() {
  std::string_view rest = buffer_;
  while (!rest.empty() && !failed_) {
    ssize_t n = write(STDOUT_FILENO, rest.data(), rest.size());
    if (n > 0) {
      rest.remove_prefix(static_cast<size_t>(n));
    } else if (errno != EINTR) {
      int error = errno;
      failed_ = true;
      if (error == EPIPE) {
        // Nobody reads on, so nothing that is left to do can matter: what the default action of
        // SIGPIPE would do, but as success.
        if (end_on_broken_pipe_) std::_Exit(kDone);
      } else {
        Complain(fmt::format("cannot write to standard output: {}", std::strerror(error)));
      }
    }
  }
  buffer_.clear();
}

std::string Output::Paint(Colour colour, std::string_view text) const {
  if (!colours_ || colour == Colour::kNone) return std::string(text);
  return fmt::format("{}{}\x1b[0m", Escape(colour), text);
}

void Complain(std::string_view sentence) {
  std::string line = fmt::format("tocsin: {}\n", sentence);
  std::fwrite(line.data(), 1, line.size(), stderr);
}

StatusLine::StatusLine() : terminal_(isatty(STDERR_FILENO) == 1) {}
StatusLine::~StatusLine() { Clear(); }

void StatusLine::Show(std::string_view text) {
  if (!terminal_) return;
  std::string line = "\r" + Cut(text, TerminalWidth(STDERR_FILENO) - 1) + "\x1b[K";
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fflush(stderr);
  dirty_ = true;
}

void StatusLine::Clear() {
  if (!dirty_) return;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
  dirty_ = false;
}

}  // namespace tocsin::cli
