// SHA-256, and the check of a file against what the manifest records.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "package/file_entry.hpp"

namespace voxport {

/// 64 hexadecimal digits.
std::string sha256(std::string_view bytes);

/// The path of `entry` in `folder`, once its size and its hash are found to be as recorded.
std::filesystem::path checked(const std::filesystem::path& folder, const FileEntry& entry);

}  // namespace voxport
