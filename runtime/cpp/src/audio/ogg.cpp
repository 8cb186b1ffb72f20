// libogg drops a page whose checksum is wrong and goes on with the next, so that a damaged recording
// decodes, without a word, to one that lacks a second. Every page is therefore checked here. Knows
// RFC 3533, no codec.
#include "audio/ogg.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>

namespace voxport {
namespace {

constexpr std::size_t kHeaderBytes = 27;  // before the table of segments
constexpr std::size_t kBlockBytes = 1 << 16;
constexpr unsigned kFirst = 0x02;  // flags
constexpr unsigned kLast = 0x04;

struct Page {
  unsigned flags = 0;
  std::uint32_t stream = 0;  // several may be interleaved
  std::uint32_t number = 0;  // within its stream
  std::uint64_t end = 0;     // the byte where the next page starts
  bool is_intact = false;
  bool ends_a_packet = false;
};

/// A stream that is not ended.
struct Stream {
  std::uint32_t next = 0;  // the number of its next page
  int pages = 0;
  bool ends_a_packet = false;
};

std::uint32_t little_endian(const std::string& bytes, std::size_t place) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;) {
    value = value << 8 | static_cast<unsigned char>(bytes[place + i]);
  }
  return value;
}

/// Polynomial 0x04C11DB7, the most significant bit first, started at 0 and not inverted.
std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table = {};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t rest = byte << 24;
    for (int bit = 0; bit < 8; ++bit) rest = rest << 1 ^ ((rest >> 31) * 0x04C11DB7U);
    table[byte] = rest;
  }
  return table;
}

std::uint32_t checksum(const std::string& page) {
  static const std::array<std::uint32_t, 256> table = make_table();
  std::uint32_t rest = 0;
  for (const char byte : page) {
    rest = rest << 8 ^ table[(rest >> 24) ^ static_cast<unsigned char>(byte)];
  }
  return rest;
}

/// Return the place of the first page at `place` or behind it.
std::optional<std::uint64_t> find_page(const Source& file, std::uint64_t place) {
  std::size_t size = 4;  // it is nearly always at `place`
  for (;; size = kBlockBytes) {
    const std::string block = file.read(place, size);
    const std::size_t found = block.find("OggS");
    if (found != std::string::npos) return place + found;
    if (block.size() < size) return std::nullopt;
    place += size - 3;
  }
}

/// Read the page at `start`; none if the file ends within it.
std::optional<Page> read_page(const Source& file, std::uint64_t start) {
  std::string page = file.read(start, kHeaderBytes);
  if (page.size() < kHeaderBytes) return std::nullopt;
  const std::size_t segments = static_cast<unsigned char>(page[26]);
  page += file.read(start + page.size(), segments);
  if (page.size() < kHeaderBytes + segments) return std::nullopt;
  std::size_t body = 0;
  for (std::size_t i = 0; i < segments; ++i) {
    body += static_cast<unsigned char>(page[kHeaderBytes + i]);
  }
  page += file.read(start + page.size(), body);
  if (page.size() < kHeaderBytes + segments + body) return std::nullopt;
  const std::uint32_t recorded = little_endian(page, 22);
  page.replace(22, 4, 4, '\0');
  const bool ends_a_packet =
      segments > 0 && static_cast<unsigned char>(page[kHeaderBytes + segments - 1]) < 255;
  return Page{static_cast<unsigned char>(page[5]), little_endian(page, 14),
              little_endian(page, 18),             start + page.size(),
              checksum(page) == recorded,          ends_a_packet};
}

/// Return true where these streams may have ended, though their last pages do not say so: recorders
/// on telephones never set the flag.
bool may_have_ended(const std::map<std::uint32_t, Stream>& streams) {
  return std::all_of(streams.begin(), streams.end(), [](const auto& item) {
    return item.second.ends_a_packet && item.second.pages > 1;
  });
}

constexpr const char* kTruncated = "truncated or damaged: the file ends before its stream does";

}  // namespace

std::string ogg_problem(const Source& file) {
  std::map<std::uint32_t, Stream> open;
  int links = 0;  // one behind another, each of one or several streams
  std::uint64_t end = 0;
  std::optional<std::uint64_t> place = find_page(file, 0);
  while (place) {
    const std::optional<Page> page = read_page(file, *place);
    if (!page) return kTruncated;
    if (!page->is_intact) {
      return "damaged: the page at byte " + std::to_string(*place) +
             " has another checksum than it was written with";
    }
    if (page->flags & kFirst) {
      const bool is_link = std::all_of(open.begin(), open.end(),
                                       [](const auto& item) { return item.second.pages > 1; });
      if (is_link && !may_have_ended(open)) return kTruncated;
      if (is_link) open.clear();
      links += is_link;
      open[page->stream] = {page->number, 0, false};
    }
    const auto stream = open.find(page->stream);
    if (stream == open.end() || stream->second.next != page->number) {
      return "damaged: before byte " + std::to_string(*place) + ", part of the stream is missing";
    }
    if (page->flags & kLast) {
      open.erase(stream);
    } else {
      stream->second = {page->number + 1, stream->second.pages + 1, page->ends_a_packet};
    }
    end = page->end;
    place = find_page(file, end);
    if (place && *place > end) {
      return "damaged: bytes " + std::to_string(end) + " to " + std::to_string(*place) +
             " belong to no page";
    }
  }
  if (!open.empty() && (end != file.size() || !may_have_ended(open))) return kTruncated;
  if (links > 1) {
    return std::to_string(links) +
           " recordings one behind another (a chained Ogg file), of which libsndfile reads only "
           "the first; convert it: ffmpeg -i FILE new.wav";
  }
  return "";
}

}  // namespace voxport
