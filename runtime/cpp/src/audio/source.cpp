#include "audio/source.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "voxport/voxport.hpp"

namespace voxport {
namespace {

[[noreturn]] void throw_unreadable() {
  throw Error(std::string("cannot be read: ") + std::strerror(errno));
}

}  // namespace

/// Opened without waiting: open() of a pipe that nobody writes to would never return.
Source::Source(const std::filesystem::path& path)
    : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  if (descriptor_ < 0 && (errno == ENOENT || errno == ENOTDIR)) {
    if (path.string().find("://") != std::string::npos) {
      throw Error("is an address, and audio is read from files: download it first (curl -LO ADDRESS)");
    }
    throw Error("there is no such file");
  }
  if (descriptor_ < 0) throw_unreadable();
  try {
    struct stat status = {};
    if (::fstat(descriptor_, &status) != 0) throw_unreadable();
    if (S_ISDIR(status.st_mode)) throw Error("is a folder; give the audio files in it");
    if (!S_ISREG(status.st_mode)) throw Error("is not a regular file");
    if (status.st_size == 0) throw Error("the file is empty (0 bytes)");
    size_ = static_cast<std::uint64_t>(status.st_size);
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

Source::~Source() { ::close(descriptor_); }

std::size_t Source::read(std::uint64_t place, void* bytes, std::size_t size) const {
  std::size_t count = 0;
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
