// SPDX-License-Identifier: Apache-2.0
#include "ingest/file_source.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <unistd.h>
#include <vector>

#include <sys/stat.h>

#include "base/status.h"
#include "ingest/cursor.h"

namespace tocsin::ingest {
namespace {

constexpr size_t kLongLineShown = 1024;

class File {
 public:
  explicit File(int descriptor, bool owned) : descriptor_(descriptor), owned_(owned) {}
  ~File() {
    if (owned_) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  const int descriptor_;
  const bool owned_;
};

absl::Status OpenError(const std::string& path, int error) {
  const absl::StatusCode code = error == ENOENT || error == ENOTDIR ? absl::StatusCode::kNotFound
                                : error == EACCES || error == EPERM
                                    ? absl::StatusCode::kPermissionDenied
                                    : absl::StatusCode::kUnavailable;
  return Error(code, "cannot open {}: {}", path, std::strerror(error));
}

// Cuts blocks into lines. The buffer holds what is left of the last block, at most one line.
class LineFeed {
 public:
  LineFeed(const FileOptions& options, Envelope envelope, Decoder& decoder, Sink& sink)
      : options_(options), envelope_(envelope), decoder_(decoder), sink_(sink) {
    buffer_.resize(options.block_bytes + kPadding);
  }

  // Room for a block; what is read there is handed over with Take().
  char* room() {
    const size_t needed = held_ + options_.block_bytes + kPadding;
    if (buffer_.size() < needed) buffer_.resize(needed);
    return buffer_.data() + held_;
  }
  void Take(size_t count, FileProgress* progress) {
    progress->bytes += static_cast<int64_t>(count);
    const char* const data = buffer_.data();
    const size_t end = held_ + count;
    size_t begin = 0;
    size_t searched = held_;  // no newline before this
    while (true) {
      const void* newline = std::memchr(data + searched, '\n', end - searched);
      if (newline == nullptr) break;
      const size_t at = static_cast<size_t>(static_cast<const char*>(newline) - data);
      Line({data + begin, at - begin}, progress);
      begin = searched = at + 1;
    }
    held_ = end - begin;
    if (held_ > options_.max_line_bytes + 1 || overlong_) {  // one for a "\r"
      // Keep its beginning for the report.
      if (!overlong_) shown_.assign(data + begin, std::min(held_, kLongLineShown));
      overlong_ = true;
      held_ = 0;
      return;
    }
    std::memmove(buffer_.data(), data + begin, held_);
  }
  // The end: a last line without its newline.
  void Finish(FileProgress* progress) {
    if (held_ > 0 || overlong_) Line({buffer_.data(), held_}, progress);
    held_ = 0;
  }

 private:
  void Line(std::string_view line, FileProgress* progress) {
    envelope_.address.offset = ++progress->lines;
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (overlong_ || line.size() > options_.max_line_bytes) {
      ++progress->long_lines;
      if (!overlong_) shown_.assign(line.substr(0, kLongLineShown));
      sink_.OnBad(BadReason::kTooLarge, shown_, envelope_.address);
      overlong_ = false;
      return;
    }
    if (std::all_of(line.begin(), line.end(), IsBlank)) {
      ++progress->blank_lines;
      return;
    }
    decoder_.Decode(line, envelope_, sink_);
  }

  const FileOptions options_;
  Envelope envelope_;
  Decoder& decoder_;
  Sink& sink_;
  std::vector<char> buffer_;
  size_t held_ = 0;
  bool overlong_ = false;  // the line being read is too long; the rest of it is skipped
  std::string shown_;
};

}  // namespace

absl::StatusOr<FileProgress> ReadFile(const std::string& path, const FileOptions& options,
                                      Decoder& decoder, Sink& sink, const OnProgress& on_progress) {
  const bool is_stdin = path == "-";
  const int descriptor = is_stdin ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return OpenError(path, errno);
  const File file(descriptor, !is_stdin);
  struct stat info {};
  if (::fstat(file.descriptor(), &info) != 0) return OpenError(path, errno);
  if (S_ISDIR(info.st_mode)) return InvalidArgument("{} is a directory: name its files", path);

  FileProgress progress;
  Envelope envelope;
  envelope.address.source = path;
  envelope.padded = true;
  if (S_ISREG(info.st_mode)) {
    progress.size_bytes = info.st_size;
    envelope.reference_time =
        Time(seconds(info.st_mtim.tv_sec) + nanoseconds(info.st_mtim.tv_nsec));
  }
  if (!is_stdin) envelope.path = path;

  LineFeed feed(options, envelope, decoder, sink);
  while (true) {
    const ssize_t count = ::read(file.descriptor(), feed.room(), options.block_bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Unavailable("reading {} failed: {}", path, std::strerror(errno));
    if (count == 0) break;
    feed.Take(static_cast<size_t>(count), &progress);
    if (on_progress && !on_progress(progress)) return progress;
  }
  feed.Finish(&progress);
  if (on_progress) on_progress(progress);
  return progress;
}

}  // namespace tocsin::ingest
