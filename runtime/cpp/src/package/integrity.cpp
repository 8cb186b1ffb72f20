// Every file that a backend runs is read and hashed here, in one pass over its bytes: a file that
// is swapped between the two would run unhashed. Knows nothing of what the files hold.
#include "package/integrity.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "voxport/voxport.hpp"

namespace voxport {
namespace {

constexpr std::size_t kBlockBytes = 1 << 30;  // one read() returns at most 2 GB

class Descriptor {
 public:
  /// Without waiting: open() of a pipe that nobody writes to would never return.
  explicit Descriptor(const std::filesystem::path& path)
      : number_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int number() const noexcept { return number_; }

 private:
  int number_;
};

[[noreturn]] void unreadable(const std::filesystem::path& path) {
  throw PackageError(path, std::string("cannot be read: ") + std::strerror(errno));
}

/// Fill `bytes`; return how many the file really had.
std::size_t read_all(const Descriptor& file, const std::filesystem::path& path, char* bytes,
                     std::size_t size) {
  std::size_t count = 0;
  while (count < size) {
    const ssize_t got =
        ::read(file.number(), bytes + count, std::min(size - count, kBlockBytes));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) unreadable(path);
    if (got == 0) break;
    count += static_cast<std::size_t>(got);
  }
  return count;
}

[[noreturn]] void refuse_changed(const std::filesystem::path& path, const std::string& expected,
                                 const std::string& found) {
  throw IntegrityError(path, "not the file that the manifest records: expected " + expected + ", found " +
                        found + "; copy the package again or export it again");
}

void require_openssl(bool succeeded) {
  if (!succeeded) throw PackageError("OpenSSL cannot compute SHA-256");
}

}  // namespace

std::string sha256(std::string_view bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  require_openssl(
      EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr) == 1);
  std::string digits;
  for (unsigned int i = 0; i < size; ++i) {
    digits += "0123456789abcdef"[digest[i] >> 4];
    digits += "0123456789abcdef"[digest[i] & 15];
  }
  return digits;
}

FileBytes read_regular_file(const std::filesystem::path& path, std::uint64_t limit,
                            const std::string& missing) {
  const Descriptor file(path);
  if (file.number() < 0 && (errno == ENOENT || errno == ENOTDIR)) throw PackageNotFoundError(path, missing);
  struct stat status = {};
  if (file.number() < 0 || ::fstat(file.number(), &status) != 0) unreadable(path);
  if (!S_ISREG(status.st_mode)) throw PackageError(path, "is not a regular file");
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size > limit) {
    throw PackageError(path, "has " + std::to_string(size) + " bytes, and at most " +
                          std::to_string(limit) + " are read");
  }
  FileBytes bytes{std::unique_ptr<char[]>(new char[size]), static_cast<std::size_t>(size)};
  bytes.size = read_all(file, path, bytes.data.get(), bytes.size);
  return bytes;
}

FileBytes read_checked(const std::filesystem::path& folder, const FileEntry& entry) {
  const auto path = folder / entry.path;
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);  // told before it is read
  if (!error && std::filesystem::is_regular_file(path, error) && size != entry.bytes) {
    refuse_changed(path, std::to_string(entry.bytes) + " bytes", std::to_string(size) + " bytes");
  }
  FileBytes bytes = read_regular_file(path, entry.bytes,
                                      "the manifest lists this file and it is missing; "
                                      "copy the package again or export it again");
  if (bytes.size != entry.bytes) {
    refuse_changed(path, std::to_string(entry.bytes) + " bytes",
                   std::to_string(bytes.size) + " bytes");
  }
  const std::string found = sha256(bytes.view());
  if (found != entry.sha256) refuse_changed(path, "sha256 " + entry.sha256, "sha256 " + found);
  return bytes;
}

}  // namespace voxport
