// A file of a package as the manifest records it. Knows neither manifests nor hashes.
#pragma once

#include <cstdint>
#include <string>

namespace voxport {

/// Name, size and hash of one file.
struct FileEntry {
  std::string path;  // a plain file name inside the package's folder
  std::uint64_t bytes = 0;
  std::string sha256;  // 64 hexadecimal digits
};

}  // namespace voxport
