// libsndfile reads the rest of a cut wav or aiff file and tells so in its log only.
#include "audio/truncation.hpp"

#include <algorithm>
#include <cstdio>
#include <set>
#include <sstream>

#include "audio/riff.hpp"

namespace voxport {
namespace {

// Recorder libraries count a header with the samples: up to 44 bytes too many. What is missing of
// less than this is shorter than one frame of a model, and holds no word.
constexpr double kSlackSeconds = 0.02;

constexpr std::uintmax_t kHeaderBytes = 1 << 12;  // more than the headers of a file without samples

/// Return the frames that a line such as "data : 96000 (should be 47978)" tells are missing of the
/// `found` ones and them.
double missing_frames(const std::string& line, std::int64_t found) {
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
  const double frame_bytes = found > 0 ? static_cast<double>(held) / static_cast<double>(found) : 1;
  return static_cast<double>(written - held) / frame_bytes;
}

double missing_frames(const Decoded& decoded) {
  double missing = 0;
  if (decoded.found < decoded.promised && decoded.promised < kUnknownFrames) {
    missing = static_cast<double>(decoded.promised - decoded.found);
  }
  std::istringstream lines(decoded.log);
  for (std::string line; std::getline(lines, line);) {
    missing = std::max(missing, missing_frames(line, decoded.found));
  }
  return missing;
}

}  // namespace

std::string truncation_problem(const Decoded& decoded) {
  if (missing_frames(decoded) > kSlackSeconds * decoded.sample_rate) {
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
