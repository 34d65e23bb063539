// SPDX-License-Identifier: Apache-2.0
#include "ingest/dead_letter.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <filesystem>
#include <mutex>
#include <optional>
#include <unistd.h>
#include <utility>

#include "absl/strings/escaping.h"

#include "base/status.h"

namespace tocsin::ingest {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".ndjson";
constexpr size_t kReasonsMax = 64;
constexpr size_t kFilesMax = 2;

// A JSON string: paths and topics may hold anything, JSON may not.
void AppendQuoted(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte >= 0x7f) {
      // Bytes above ASCII are shown as Latin-1: exact for a reader, whatever the encoding was.
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  out += '"';
}

std::string ToLine(const DeadLetter& letter, size_t bytes_max) {
  std::string out = fmt::format("{{\"time\":\"{}\",\"reason\":", FormatTime(letter.time));
  AppendQuoted(letter.reason, out);
  const Address& address = letter.address;
  out += address.partition < 0 ? ",\"source\":{\"file\":" : ",\"source\":{\"topic\":";
  AppendQuoted(address.source, out);
  if (address.partition < 0) {
    out += fmt::format(",\"line\":{}}}", address.offset);
  } else {
    out += fmt::format(",\"partition\":{},\"offset\":{},\"index\":{}}}", address.partition,
                       address.offset, address.index);
  }
  const std::string_view bytes = letter.bytes.substr(0, bytes_max);
  out += fmt::format(",\"size\":{},\"bytes\":\"", letter.bytes.size());
  std::string base64;
  absl::Base64Escape({bytes.data(), bytes.size()}, &base64);
  out += base64;
  out += "\"}\n";
  return out;
}

struct File {
  uint64_t number = 0;
  size_t size = 0;
  uint64_t letters = 0;
  bool torn = false;  // its last line has no end: the process died while writing
};

// nullopt: not one of ours.
std::optional<uint64_t> NumberOf(const fs::path& path) {
  const std::string name = path.filename().string();
  if (name.size() <= kSuffix.size() || !name.ends_with(kSuffix)) return std::nullopt;
  uint64_t number = 0;
  const char* end = name.data() + name.size() - kSuffix.size();
  const auto [stop, error] = std::from_chars(name.data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

}  // namespace

struct DeadLetterFile::Impl {
  // Constant after construction.
  Options options;

  mutable std::mutex mu;
  // Guarded by mu.
  DeadLetterCounts counts;
  std::deque<File> files;  // oldest first; the last is written to
  Descriptor out;          // of the last; closed after an error

  fs::path PathOf(const File& file) const {
    return fs::path(options.dir) / fmt::format("{:06}{}", file.number, kSuffix);
  }
  absl::Status Scan();
  absl::Status Read(File& file) const;
  void DropOldest();
  bool Write(std::string_view line);
  void Failed(std::string_view what);
};

DeadLetterFile::DeadLetterFile(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DeadLetterFile::~DeadLetterFile() = default;

absl::StatusOr<std::unique_ptr<DeadLetterFile>> DeadLetterFile::Open(Options options) {
  if (options.dir.empty()) return InvalidArgument("dead letters need a directory");
  if (options.capacity_bytes < 4096) {
    return InvalidArgument("capacity of dead letters is {} bytes; it must be at least 4096",
                           options.capacity_bytes);
  }
  auto impl = std::make_unique<Impl>();
  impl->options = std::move(options);
  // A letter in base64 with its envelope must leave room for others in its file.
  impl->options.bytes_max = std::min(impl->options.bytes_max, impl->options.capacity_bytes / 8);
  std::error_code error;
  fs::create_directories(impl->options.dir, error);
  if (error) {
    return Unavailable("{} cannot be made: {}", impl->options.dir, error.message());
  }
  RETURN_IF_ERROR(impl->Scan());
  return std::unique_ptr<DeadLetterFile>(new DeadLetterFile(std::move(impl)));
}

// What an earlier process left.
absl::Status DeadLetterFile::Impl::Scan() {
  std::error_code error;
  fs::directory_iterator entries(options.dir, error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    if (const auto number = NumberOf(entries->path())) files.push_back({.number = *number});
  }
  if (error) return Unavailable("{} cannot be read: {}", options.dir, error.message());
  std::sort(files.begin(), files.end(),
            [](const File& a, const File& b) { return a.number < b.number; });
  for (File& file : files) RETURN_IF_ERROR(Read(file));
  while (files.size() > kFilesMax) DropOldest();
  return absl::OkStatus();
}

absl::Status DeadLetterFile::Impl::Read(File& file) const {
  const std::string path = PathOf(file).string();
  const Descriptor in(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string buffer(size_t{1} << 16, '\0');
  char last = '\n';
  for (;;) {
    const ssize_t got = in.ok() ? read(in.get(), buffer.data(), buffer.size()) : -1;
    if (got < 0) return Unavailable("{} cannot be read: {}", path, std::strerror(errno));
    if (got == 0) break;
    file.size += static_cast<size_t>(got);
    file.letters += static_cast<uint64_t>(std::count(buffer.data(), buffer.data() + got, '\n'));
    last = buffer[static_cast<size_t>(got) - 1];
  }
  file.torn = last != '\n';
  return absl::OkStatus();
}

void DeadLetterFile::Impl::DropOldest() {
  std::error_code error;
  fs::remove(PathOf(files.front()), error);
  if (error) Failed("old dead letters cannot be deleted: " + error.message());
  counts.rotated_away += files.front().letters;
  files.pop_front();
}

void DeadLetterFile::Impl::Failed(std::string_view what) { counts.last_error = what; }

// Writes all of the line or nothing.
bool DeadLetterFile::Impl::Write(std::string_view line) {
  if (files.empty() ||
      (files.back().size > 0 && files.back().size + line.size() > options.capacity_bytes / 2)) {
    const uint64_t number = files.empty() ? 1 : files.back().number + 1;
    out = Descriptor();
    files.push_back({.number = number});
    while (files.size() > kFilesMax) DropOldest();
  }
  File& file = files.back();
  if (!out.ok()) {
    out = Descriptor(open(PathOf(file).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
    if (!out.ok()) {
      Failed(fmt::format("{}: {}", PathOf(file).string(), std::strerror(errno)));
      return false;
    }
  }
  // A torn line is closed first: one bad line, not two.
  const std::string whole = (file.torn ? "\n" : "") + std::string(line);
  const ssize_t written = write(out.get(), whole.data(), whole.size());
  if (written == static_cast<ssize_t>(whole.size())) {
    file.size += whole.size();
    file.letters += file.torn ? 2 : 1;
    file.torn = false;
    return true;
  }
  Failed(fmt::format("{}: {}", PathOf(file).string(),
                     written < 0 ? std::strerror(errno) : "no space for a whole line"));
  if (written > 0 && ftruncate(out.get(), static_cast<off_t>(file.size)) != 0) {
    file.size += static_cast<size_t>(written);
    file.torn = true;
  }
  // Opened anew next time: the directory may have come back by then.
  out = Descriptor();
  return false;
}

void DeadLetterFile::Append(const DeadLetter& letter) {
  // Outside the lock: the costly part.
  const std::string line = ToLine(letter, impl_->options.bytes_max);
  const std::lock_guard lock(impl_->mu);
  auto& by_reason = impl_->counts.by_reason;
  auto found = by_reason.find(letter.reason);
  if (found == by_reason.end()) {
    const bool room = by_reason.size() < kReasonsMax;
    found = by_reason.emplace(room ? std::string(letter.reason) : "other", 0).first;
  }
  ++found->second;
  if (!impl_->Write(line)) {
    ++impl_->counts.write_errors;
  } else if (letter.bytes.size() > impl_->options.bytes_max) {
    ++impl_->counts.truncated;
  }
}

DeadLetterCounts DeadLetterFile::counts() const {
  const std::lock_guard lock(impl_->mu);
  return impl_->counts;
}

}  // namespace tocsin::ingest
