// Decodes audio files; the only file that knows libsndfile. Every way in which a file can be bad is
// an Error that names it. Knows nothing of the rate that a model wants.
#include <fcntl.h>
#include <sndfile.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>

#include "audio/truncation.hpp"
#include "voxport/voxport.hpp"

namespace voxport {
namespace {

constexpr std::size_t kBlock = 1 << 16;  // samples of all channels read at a time
constexpr std::size_t kLog = 1 << 14;    // bytes: libsndfile's own buffer holds 8 192

// Those that tell how long they should be: of others libsndfile does not say what is missing.
constexpr std::array kContainers = {SF_FORMAT_WAV, SF_FORMAT_WAVEX, SF_FORMAT_FLAC, SF_FORMAT_AIFF,
                                    SF_FORMAT_AU};

class SoundFile {
 public:
  /// libsndfile gets no name: by the ending of one it may take any bytes for audio.
  explicit SoundFile(const std::filesystem::path& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) throw Error(std::string("cannot be read: ") + std::strerror(errno));
    file_.reset(sf_open_fd(descriptor, SFM_READ, &info_, SF_TRUE));
    if (file_) return;
    ::close(descriptor);
    throw Error(std::string("not audio that ") + sf_version_string() + " reads, or damaged (" +
                reason(nullptr) + ")");
  }

  const SF_INFO& info() const { return info_; }

  /// Samples of all channels, frame by frame; as many as there are left if `wanted` is more.
  std::size_t read(float* samples, std::size_t wanted) {
    const sf_count_t count = sf_read_float(file_.get(), samples, static_cast<sf_count_t>(wanted));
    return static_cast<std::size_t>(std::max<sf_count_t>(count, 0));
  }

  /// "" or what went wrong in reading.
  std::string problem() const { return sf_error(file_.get()) ? reason(file_.get()) : ""; }

  std::string log() const {
    std::string text(kLog, '\0');
    sf_command(file_.get(), SFC_GET_LOG_INFO, text.data(), static_cast<int>(text.size()));
    return text.c_str();
  }

 private:
  /// "Error : flac decoder lost sync." without its frame.
  static std::string reason(SNDFILE* file) {
    std::string text = sf_strerror(file);
    if (text.rfind("Error : ", 0) == 0) text.erase(0, 8);
    text.erase(text.find_last_not_of(". ") + 1);
    return text;
  }

  SF_INFO info_ = {};
  std::unique_ptr<SNDFILE, int (*)(SNDFILE*)> file_{nullptr, sf_close};
};

std::uintmax_t checked_size(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) throw Error("there is no such file");
  if (error) throw Error("cannot be read: " + error.message());
  if (std::filesystem::is_directory(status)) {
    throw Error("is a folder; give the audio files in it");
  }
  if (!std::filesystem::is_regular_file(status)) throw Error("is not a regular file");
  const std::uintmax_t size = std::filesystem::file_size(path);
  if (size == 0) throw Error("the file is empty (0 bytes)");
  return size;
}

void check_container(const SF_INFO& info) {
  const int container = info.format & SF_FORMAT_TYPEMASK;
  if (std::find(kContainers.begin(), kContainers.end(), container) != kContainers.end()) return;
  SF_FORMAT_INFO format = {};
  format.format = container;
  const bool is_known = sf_command(nullptr, SFC_GET_FORMAT_INFO, &format, sizeof format) == 0;
  throw Error(std::string(is_known ? format.name : "another format") +
              ", of which libsndfile does not tell that a part is missing; "
              "convert it: ffmpeg -i FILE new.wav");
}

/// The mean of the channels of each frame, appended to `waveform`.
void mix(const std::vector<float>& block, std::size_t count, std::size_t channels,
         std::vector<float>& waveform) {
  for (std::size_t first = 0; first + channels <= count; first += channels) {
    float sum = 0;
    for (std::size_t channel = 0; channel < channels; ++channel) sum += block[first + channel];
    waveform.push_back(sum / static_cast<float>(channels));
  }
}

void check_finite(const std::vector<float>& block, std::size_t count, double seconds) {
  const auto end = block.begin() + static_cast<std::ptrdiff_t>(count);
  if (std::all_of(block.begin(), end, [](float sample) { return std::isfinite(sample); })) return;
  char near[32];
  std::snprintf(near, sizeof near, "%.2f", seconds);
  throw Error(std::string("holds samples that are not numbers (NaN or infinite), near ") + near +
              " s");
}

std::vector<float> decode(SoundFile& file) {
  const auto channels = static_cast<std::size_t>(file.info().channels);
  std::vector<float> block(std::max<std::size_t>(kBlock / channels, 1) * channels);
  std::vector<float> waveform;
  while (const std::size_t count = file.read(block.data(), block.size())) {
    check_finite(block, count, static_cast<double>(waveform.size()) / file.info().samplerate);
    mix(block, count, channels, waveform);
  }
  if (const std::string problem = file.problem(); !problem.empty()) {
    throw Error("damaged or truncated after " + std::to_string(waveform.size()) + " samples (" +
                problem + ")");
  }
  return waveform;
}

Audio read(const std::filesystem::path& path) {
  const std::uintmax_t bytes = checked_size(path);
  SoundFile file(path);
  check_container(file.info());
  Audio audio{decode(file), file.info().samplerate};
  const auto found = static_cast<std::int64_t>(audio.waveform.size());
  const std::string problem =
      truncation_problem({file.log(), file.info().frames, found, bytes});
  if (!problem.empty()) throw Error(problem);
  if (found == 0) throw Error("holds no audio (0 samples)");
  return audio;
}

}  // namespace

Audio read_audio(const std::filesystem::path& file) {
  try {
    return read(file);
  } catch (const Error& error) {
    throw Error(file, error.reason());
  }
}

}  // namespace voxport
