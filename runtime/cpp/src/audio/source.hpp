// A file that is read by place. Knows no formats.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace voxport {

/// An open regular file. Throws Error with the reason alone.
class Source {
 public:
  explicit Source(const std::filesystem::path& path);
  ~Source();
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  std::uint64_t size() const noexcept { return size_; }  // bytes

  /// Read up to `size` bytes from `place` on; fewer at the end of the file.
  std::size_t read(std::uint64_t place, void* bytes, std::size_t size) const;

  /// The same as a string.
  std::string read(std::uint64_t place, std::size_t size) const;

 private:
  int descriptor_;
  std::uint64_t size_ = 0;
};

}  // namespace voxport
