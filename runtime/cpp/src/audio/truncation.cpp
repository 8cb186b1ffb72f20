// libsndfile reads the rest of a cut wav or aiff file and tells so in its log only.
#include "audio/truncation.hpp"

#include <algorithm>
#include <cstdio>
#include <set>
#include <sstream>

#include "audio/riff.hpp"

namespace voxport {
namespace {

// Less than this is shorter than one frame of a model, and holds no word.
constexpr double kMaxMissingSeconds = 0.02;

// Recorder libraries count a header with the samples.
constexpr unsigned long long kMaxMissingBytes = 44;

constexpr std::uintmax_t kHeaderBytes = 1 << 12;  // more than the headers of a file without samples

/// Return the frames that are missing by a line such as "data : 96000 (should be 47978)".
double missing_frames(const std::string& line, const Decoded& decoded) {
  static const std::set<std::string> chunks = {"data", "SSND", "Data Size"};
  char name[32] = "";
  unsigned long long written = 0;
  unsigned long long held = 0;
  if (std::sscanf(line.c_str(), " %31[^:]: %llu (should be %llu)", name, &written, &held) != 3) {
    return 0;
  }
  std::string chunk = name;
  chunk.erase(chunk.find_last_not_of(' ') + 1);
  if (chunks.count(chunk) == 0 || written <= held || is_unknown_length(written)) return 0;
  const unsigned long long missing = written - held;
  const unsigned long long start = decoded.bytes > held ? decoded.bytes - held : 0;  // of samples
  // Some count the whole file, or RIFF's own size.
  if (missing <= kMaxMissingBytes || missing == start || missing + 8 == start) return 0;
  const auto found = static_cast<double>(decoded.found);
  const double frame_bytes = decoded.found > 0 ? static_cast<double>(held) / found : 1;
  return static_cast<double>(missing) / frame_bytes;
}

double missing_frames(const Decoded& decoded) {
  double missing = 0;
  if (decoded.found < decoded.promised && decoded.promised < kUnknownFrames) {
    missing = static_cast<double>(decoded.promised - decoded.found);
  }
  std::istringstream lines(decoded.log);
  for (std::string line; std::getline(lines, line);) {
    missing = std::max(missing, missing_frames(line, decoded));
  }
  return missing;
}

}  // namespace

std::string truncation_problem(const Decoded& decoded) {
  if (missing_frames(decoded) > kMaxMissingSeconds * decoded.sample_rate) {
    return "truncated: the file ends before its audio does, after " +
           std::to_string(decoded.found) + " samples";
  }
  // A recorder that is killed leaves 0 as the length in the header, and libsndfile believes it.
  if (decoded.found == 0 && decoded.bytes > kHeaderBytes) {
    return "damaged: its header tells of no audio, and the file has " +
           std::to_string(decoded.bytes) +
           " bytes; was the recorder stopped before it wrote the length?";
  }
  return "";
}

}  // namespace voxport
