// libsndfile reads what is left of a cut wav or aiff file and says nothing but in its log.
#include "audio/truncation.hpp"

#include <cstdio>
#include <set>
#include <sstream>

namespace voxport {
namespace {

// Writers to a pipe cannot go back and fill in the length: they leave 0xFFFFFFFF, 0x7FFFFFFF or a
// little less. Nothing is known about such a file.
constexpr unsigned long long kUnknownLength = 0x7FFF0000;

constexpr std::uintmax_t kHeaders = 1 << 12;  // bytes: those of a file without samples are fewer

/// "data : 96000 (should be 47978)": what is logged when a chunk is larger than its file.
bool tells_of_cut_chunk(const std::string& line) {
  static const std::set<std::string> chunks = {"data", "SSND", "Data Size", "riff", "Riff size"};
  char name[32] = "";
  unsigned long long written = 0;
  unsigned long long held = 0;
  if (std::sscanf(line.c_str(), " %31[^:]: %llu (should be %llu)", name, &written, &held) != 3) {
    return false;
  }
  std::string chunk = name;
  chunk.erase(chunk.find_last_not_of(' ') + 1);
  return chunks.count(chunk) > 0 && held < written && written < kUnknownLength;
}

bool has_cut_chunk(const std::string& log) {
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    if (tells_of_cut_chunk(line)) return true;
  }
  return false;
}

}  // namespace

std::string truncation_problem(const Decoded& decoded) {
  const bool is_short = decoded.found < decoded.promised && decoded.promised < kUnknownFrames;
  if (is_short || has_cut_chunk(decoded.log)) {
    return "truncated: the file ends before its audio does, after " +
           std::to_string(decoded.found) + " samples";
  }
  // A recorder that is killed leaves 0 as the length in the header, and libsndfile believes it.
  if (decoded.found == 0 && decoded.bytes > kHeaders) {
    return "damaged: its header tells of no audio, and the file has " +
           std::to_string(decoded.bytes) +
           " bytes; was the recorder stopped before it wrote the length?";
  }
  return "";
}

}  // namespace voxport
