#include "audio/source.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "voxport/voxport.hpp"

namespace voxport {
namespace {

constexpr std::size_t kBlockBytes = 1 << 16;

[[noreturn]] void throw_unreadable() {
  throw AudioFileError(std::string("cannot be read: ") + std::strerror(errno));
}

}  // namespace

/// Opened without waiting: open() of a pipe that nobody writes to would never return.
Source::Source(const std::filesystem::path& path)
    : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  if (descriptor_ < 0 && (errno == ENOENT || errno == ENOTDIR)) {
    if (path.string().find("://") != std::string::npos) {
      throw AudioFileError("is an address, and audio is read from files: download it first (curl -LO ADDRESS)");
    }
    throw AudioNotFoundError("there is no such file");
  }
  if (descriptor_ < 0) throw_unreadable();
  try {
    struct stat status = {};
    if (::fstat(descriptor_, &status) != 0) throw_unreadable();
    if (S_ISDIR(status.st_mode)) throw AudioFileError("is a folder; give the audio files in it");
    if (!S_ISREG(status.st_mode)) throw AudioFileError("is not a regular file");
    size_ = static_cast<std::uint64_t>(status.st_size);
    require_content();
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

Source::Source(std::string bytes) : bytes_(std::move(bytes)), size_(bytes_.size()) {
  require_content();
}

Source::Source(int descriptor) {
  std::FILE* file = std::tmpfile();
  if (file == nullptr) throw_unreadable();
  descriptor_ = ::dup(::fileno(file));
  std::fclose(file);
  if (descriptor_ < 0) throw_unreadable();
  try {
    std::string block(kBlockBytes, '\0');
    for (ssize_t got = 0; (got = ::read(descriptor, block.data(), block.size())) != 0;) {
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw_unreadable();
      for (ssize_t done = 0; done < got;) {
        const auto left = static_cast<std::size_t>(got - done);
        const ssize_t written = ::write(descriptor_, block.data() + done, left);
        if (written <= 0) throw_unreadable();
        done += written;
      }
      size_ += static_cast<std::uint64_t>(got);
    }
    require_content();
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

Source::~Source() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void Source::require_content() const {
  if (size_ == 0) throw AudioFileError("the file is empty (0 bytes)");
}

std::size_t Source::read(std::uint64_t place, void* bytes, std::size_t size) const {
  std::size_t count = 0;
  if (descriptor_ < 0) {
    if (place >= size_) return 0;
    count = static_cast<std::size_t>(std::min<std::uint64_t>(size, size_ - place));
    std::memcpy(bytes, bytes_.data() + place, count);
    return count;
  }
  while (count < size && place + count < size_) {
    const ssize_t got = ::pread(descriptor_, static_cast<char*>(bytes) + count, size - count,
                                static_cast<off_t>(place + count));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_unreadable();
    if (got == 0) break;
    count += static_cast<std::size_t>(got);
  }
  return count;
}

std::string Source::read(std::uint64_t place, std::size_t size) const {
  std::string bytes(size, '\0');
  bytes.resize(read(place, bytes.data(), size));
  return bytes;
}

}  // namespace voxport
