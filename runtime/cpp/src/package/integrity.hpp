// SHA-256, and files that are read once: the bytes that were hashed are the bytes that run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "package/file_entry.hpp"

namespace voxport {

/// The content of a file. Not a vector: that would write zeros over several GB first.
struct FileBytes {
  std::unique_ptr<char[]> data;
  std::size_t size = 0;

  std::string_view view() const noexcept { return {data.get(), size}; }
};

/// Return 64 hexadecimal digits.
std::string sha256(std::string_view bytes);

/// Read a regular file of at most `limit` bytes; nothing else is opened, a pipe or a device least
/// of all. `missing`: the message where there is no such file.
FileBytes read_regular_file(const std::filesystem::path& path, std::uint64_t limit,
                            const std::string& missing);

/// Read `entry` in `folder` and check its size and its hash.
FileBytes read_checked(const std::filesystem::path& folder, const FileEntry& entry);

}  // namespace voxport
