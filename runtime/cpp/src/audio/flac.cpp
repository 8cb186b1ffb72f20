#include "audio/flac.hpp"

#include <algorithm>
#include <array>

namespace voxport {
namespace {

std::uint64_t byte(const std::string& bytes, std::size_t place) {
  return static_cast<unsigned char>(bytes[place]);
}

/// Return the length in bytes of the ID3v2 tag at the start of a file, which libsndfile skips.
std::uint64_t id3_size(const std::string& head) {
  if (head.size() < 10 || head.compare(0, 3, "ID3") != 0) return 0;
  std::uint64_t size = 0;
  for (std::size_t i = 6; i < 10; ++i) size = size << 7 | (byte(head, i) & 0x7F);
  return size + 10;
}

/// The bytes of a file by place, a block of them in memory.
class ByteReader {
 public:
  ByteReader(const Source& file, std::uint64_t end) : file_(file), end_(end) {}

  std::uint64_t end() const noexcept { return end_; }

  /// Return the byte, or -1 at the end.
  int at(std::uint64_t place) {
    if (place >= end_) return -1;
    if (place < start_ || place >= start_ + block_.size()) {
      start_ = place - std::min<std::uint64_t>(place, kBehind);
      block_ = file_.read(start_, kBlockBytes);
      if (place >= start_ + block_.size()) return -1;
    }
    return static_cast<unsigned char>(block_[place - start_]);
  }

 private:
  static constexpr std::size_t kBlockBytes = 1 << 16;
  static constexpr std::uint64_t kBehind = 64;  // bytes kept before the place: headers are reread

  const Source& file_;
  std::uint64_t end_;
  std::uint64_t start_ = 0;
  std::string block_;
};

/// CRC-16 with polynomial 0x8005, the most significant bit first; 0 over a frame and its checksum.
std::array<std::uint16_t, 256> make_crc16_table() {
  std::array<std::uint16_t, 256> table = {};
  for (unsigned byte = 0; byte < table.size(); ++byte) {
    unsigned rest = byte << 8;
    for (int bit = 0; bit < 8; ++bit) rest = (rest << 1) ^ ((rest >> 15 & 1) * 0x8005);
    table[byte] = static_cast<std::uint16_t>(rest);
  }
  return table;
}

/// Return the samples a channel of the frame whose header stands at `place`, 0 where none does.
unsigned frame_length(ByteReader& bytes, std::uint64_t place) {
  std::array<unsigned, 17> head = {};  // at most 16 bytes: 4, a number of up to 7, 4, a checksum
  for (std::size_t i = 0; i < head.size(); ++i) {
    head[i] = static_cast<unsigned>(std::max(bytes.at(place + i), 0));
  }
  const unsigned code = head[2] >> 4;
  const unsigned rate = head[2] & 15;
  if (head[0] != 0xFF || (head[1] & 0xFE) != 0xF8 || code == 0 || rate == 15) return 0;
  if (head[3] >> 4 > 10 || (head[3] & 1) != 0) return 0;
  std::size_t size = 5;  // the number's first byte tells how many follow it
  for (unsigned bit = 0x80; (head[4] & bit) != 0 && size < 12; bit >>= 1) size += bit != 0x80;
  unsigned length = code == 1 ? 192 : code < 6 ? 144U << code : 1U << code;
  if (code == 6) length = head[size] + 1;
  if (code == 7) length = (head[size] << 8 | head[size + 1]) + 1;
  size += code == 6 ? 1 : code == 7 ? 2 : 0;
  size += rate == 12 ? 1 : rate > 12 ? 2 : 0;
  unsigned check = 0;  // CRC-8 with polynomial 7
  for (std::size_t i = 0; i < size; ++i) {
    check ^= head[i];
    for (int bit = 0; bit < 8; ++bit) check = (check << 1 ^ (check >> 7 & 1) * 7) & 0xFF;
  }
  return check == head[size] ? length : 0;
}

/// Return the byte behind the blocks of metadata; the end of the file where they are cut.
std::uint64_t skip_metadata(ByteReader& bytes, std::uint64_t start) {
  std::uint64_t place = start + 4;
  for (bool is_last = false; !is_last && bytes.at(place + 3) >= 0;) {
    is_last = (bytes.at(place) & 0x80) != 0;
    std::uint64_t size = 0;
    for (std::uint64_t i = 1; i < 4; ++i) {
      size = size << 8 | static_cast<unsigned>(bytes.at(place + i));
    }
    place += 4 + size;
  }
  return place;
}

}  // namespace

FlacFrames check_flac_frames(const Source& file, const FlacHeader& header) {
  static const std::array<std::uint16_t, 256> table = make_crc16_table();
  const bool has_tag = file.size() > 128 && file.read(file.size() - 128, 3) == "TAG";  // ID3v1
  ByteReader bytes(file, file.size() - (has_tag ? 128 : 0));
  std::uint64_t place = skip_metadata(bytes, header.start);
  FlacFrames found;
  unsigned first = 0;  // samples of the first frame
  while (place < bytes.end()) {
    const unsigned length = frame_length(bytes, place);
    if (length == 0) {
      const bool is_joined = bytes.at(place) == 'f' && bytes.at(place + 1) == 'L' &&
                             bytes.at(place + 2) == 'a' && bytes.at(place + 3) == 'C';
      found.problem = is_joined ? "recordings one behind another (joined FLAC files), of which only "
                                  "the first is read; convert it: ffmpeg -i FILE new.wav"
                                : "damaged: no frame starts at byte " + std::to_string(place);
      return found;
    }
    const std::uint64_t start = place;
    unsigned rest = 0;
    do {  // to the frame's end: its checksum fits, and another begins or the file ends
      const int next = bytes.at(place);
      if (next < 0) {
        found.problem = "damaged or truncated: the frame at byte " + std::to_string(start) +
                        " is not the one that was written";
        return found;
      }
      rest = (rest << 8 ^ table[(rest >> 8 ^ static_cast<unsigned>(next)) & 0xFF]) & 0xFFFF;
      ++place;
    } while (rest != 0 || !(place >= bytes.end() || frame_length(bytes, place) != 0 ||
                            (bytes.at(place) == 'f' && bytes.at(place + 1) == 'L' &&
                             bytes.at(place + 2) == 'a' && bytes.at(place + 3) == 'C')));
    found.frames += length;
    first = first == 0 ? length : first;
    found.has_short_end = length < first;
  }
  return found;
}

std::optional<FlacHeader> read_flac_header(const Source& file) {
  const std::uint64_t start = id3_size(file.read(0, 10));
  const std::string head = file.read(start, 42);
  if (head.size() < 42 || head.compare(0, 4, "fLaC") != 0 || (byte(head, 4) & 0x7F) != 0) {
    return std::nullopt;
  }
  FlacHeader header;
  header.start = start;
  header.total_place = start + 21;
  header.frames = byte(head, 21) & 0x0F;
  for (std::size_t i = 22; i < 26; ++i) header.frames = header.frames << 8 | byte(head, i);
  header.bits = static_cast<int>((byte(head, 20) & 1) << 4 | byte(head, 21) >> 4) + 1;
  const std::string md5 = head.substr(26, 16);
  const bool is_known = std::any_of(md5.begin(), md5.end(), [](char one) { return one != 0; });
  header.md5 = is_known ? md5 : "";
  return header;
}

}  // namespace voxport
