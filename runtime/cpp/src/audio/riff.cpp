// A recorder that is killed leaves the length that it wrote last, and libsndfile stops there.
#include "audio/riff.hpp"

#include <algorithm>
#include <cstdint>

namespace voxport {
namespace {

// Less than this behind the samples holds no word: a header counted twice, a frame of the model.
constexpr double kMaxRestBytes = 44;
constexpr double kMaxRestSeconds = 0.02;
constexpr std::size_t kBlockBytes = 1 << 16;

struct Chunk {
  std::string name;
  std::uint64_t start = 0;  // of its content
  std::uint64_t size = 0;   // as its header has it
};

/// Read the header of the chunk at `place`; its name is empty where none stands there.
Chunk read_chunk(const Source& file, std::uint64_t place) {
  const std::string head = file.read(place, 8);
  const bool is_name = head.size() == 8 && std::all_of(head.begin(), head.begin() + 4, [](char one) {
                         return one >= ' ' && one <= '~';
                       });
  if (!is_name) return {};
  std::uint64_t size = 0;
  for (std::size_t i = 8; i-- > 4;) size = size << 8 | static_cast<unsigned char>(head[i]);
  return {head.substr(0, 4), place + 8, size};
}

bool is_silent_from(const Source& file, std::uint64_t place) {
  for (; place < file.size(); place += kBlockBytes) {
    const std::string block = file.read(place, kBlockBytes);
    if (block.find_first_not_of('\0') != std::string::npos) return false;
  }
  return true;
}

/// Return true where only chunks without samples, tags or little else stand from `place` on.
bool is_harmless_from(const Source& file, std::uint64_t place, double rest_bytes) {
  while (static_cast<double>(place) + rest_bytes < static_cast<double>(file.size())) {
    const Chunk chunk = read_chunk(file, place);
    if (chunk.name == "RIFF" || chunk.name == "RF64") return false;  // joined: a recording too
    if (chunk.name == "data") return false;
    if (chunk.name == "APET" || chunk.name.compare(0, 3, "TAG") == 0) return true;
    if (chunk.name.empty()) {
      const std::string tag = file.read(place, 3);
      return tag == "ID3" || tag == "TAG" || is_silent_from(file, place);
    }
    place = chunk.start + chunk.size + chunk.size % 2;
  }
  return true;
}

}  // namespace

bool is_unknown_length(unsigned long long bytes) {
  return (bytes >= 0x7FFFE000 && bytes < 0x80001000) || (bytes >= 0xFFFFE000 && bytes <= 0xFFFFFFFF);
}

std::string riff_problem(const Source& file) {
  const std::string head = file.read(0, 12);
  if (head.compare(0, 4, "RIFF") != 0 || head.compare(8, 4, "WAVE") != 0) return "";
  std::uint64_t place = 12;
  double bytes_a_second = 0;
  Chunk chunk = read_chunk(file, place);
  while (chunk.name != "data") {
    if (chunk.name.empty()) return "";  // libsndfile says more
    if (chunk.name == "fmt ") {
      const std::string rate = file.read(chunk.start + 8, 4);
      for (std::size_t i = rate.size(); i-- > 0;) {
        bytes_a_second = bytes_a_second * 256 + static_cast<unsigned char>(rate[i]);
      }
    }
    place = chunk.start + chunk.size + chunk.size % 2;
    chunk = read_chunk(file, place);
  }
  const std::uint64_t end = chunk.start + chunk.size;
  if (chunk.size == 0 || is_unknown_length(chunk.size) || end >= file.size()) return "";
  const double rest = std::max(kMaxRestBytes, kMaxRestSeconds * bytes_a_second);
  if (is_harmless_from(file, end + chunk.size % 2, rest) || is_harmless_from(file, end, rest)) {
    return "";
  }
  return "damaged: " + std::to_string(file.size() - end) +
         " bytes behind the samples are no other chunks and may be samples too; convert it: ffmpeg "
         "-ignore_length 1 -i FILE new.wav";
}

}  // namespace voxport
