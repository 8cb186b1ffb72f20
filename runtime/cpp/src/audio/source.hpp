// A file that is read by place. Knows no formats.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace voxport {

/// An open regular file, or its bytes in memory. Throws Error with the reason alone.
class Source {
 public:
  explicit Source(const std::filesystem::path& path);
  explicit Source(std::string bytes);

  /// Copies what is left of a pipe or a file into an unnamed temporary file.
  explicit Source(int descriptor);
  ~Source();
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  std::uint64_t size() const noexcept { return size_; }  // bytes

  /// Read up to `size` bytes from `place` on; fewer at the end of the file.
  std::size_t read(std::uint64_t place, void* bytes, std::size_t size) const;

  /// The same as a string.
  std::string read(std::uint64_t place, std::size_t size) const;

 private:
  void require_content() const;

  int descriptor_ = -1;  // -1: in memory
  std::string bytes_;
  std::uint64_t size_ = 0;
};

}  // namespace voxport
