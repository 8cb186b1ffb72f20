// Whatever a backend opens has gone through here first. Knows nothing of what the files are.
#include "package/integrity.hpp"

#include <openssl/evp.h>

#include <fstream>
#include <memory>
#include <vector>

#include "voxport/voxport.hpp"

namespace voxport {
namespace {

constexpr std::size_t kBlock = 1 << 20;  // bytes read at a time: packages hold files of several GB

class Digest {
 public:
  Digest() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    require(context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr));
  }

  void add(const char* bytes, std::size_t size) {
    require(EVP_DigestUpdate(context_.get(), bytes, size));
  }

  std::string hexadecimal() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    require(EVP_DigestFinal_ex(context_.get(), digest, &size));
    std::string digits;
    for (unsigned int i = 0; i < size; ++i) {
      digits += "0123456789abcdef"[digest[i] >> 4];
      digits += "0123456789abcdef"[digest[i] & 15];
    }
    return digits;
  }

 private:
  static void require(bool succeeded) {
    if (!succeeded) throw Error("OpenSSL cannot compute SHA-256");
  }

  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

std::string sha256_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(path, "cannot be read");
  Digest digest;
  std::vector<char> block(kBlock);
  while (file.read(block.data(), static_cast<std::streamsize>(kBlock)), file.gcount() > 0) {
    digest.add(block.data(), static_cast<std::size_t>(file.gcount()));
  }
  if (file.bad()) throw Error(path, "cannot be read");
  return digest.hexadecimal();
}

[[noreturn]] void changed(const std::filesystem::path& path, const std::string& expected,
                          const std::string& found) {
  throw Error(path, "not the file that the manifest records: expected " + expected + ", found " +
                        found + "; copy the package again or export it again");
}

}  // namespace

std::string sha256(std::string_view bytes) {
  Digest digest;
  digest.add(bytes.data(), bytes.size());
  return digest.hexadecimal();
}

std::filesystem::path checked(const std::filesystem::path& folder, const FileEntry& entry) {
  const auto path = folder / entry.path;
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    throw Error(path,
                "the manifest lists this file and it is missing; "
                "copy the package again or export it again");
  }
  const auto size = std::filesystem::file_size(path, error);
  if (error) throw Error(path, "cannot be read: " + error.message());
  if (size != entry.bytes) {
    changed(path, std::to_string(entry.bytes) + " bytes", std::to_string(size) + " bytes");
  }
  const std::string found = sha256_file(path);
  if (found != entry.sha256) changed(path, "sha256 " + entry.sha256, "sha256 " + found);
  return path;
}

}  // namespace voxport
