// Decodes audio files; the only file that knows libsndfile. Every way in which a file can be bad is
// an Error that names it. Does not know the rate that a model wants.
#include <openssl/evp.h>
#include <sndfile.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>

#include "audio/flac.hpp"
#include "audio/ogg.hpp"
#include "audio/riff.hpp"
#include "audio/source.hpp"
#include "audio/truncation.hpp"
#include "voxport/voxport.hpp"

namespace voxport {
namespace {

constexpr std::size_t kBlockSamples = 1 << 16;  // of all channels, read at a time
constexpr std::size_t kLogBytes = 1 << 14;      // libsndfile's own buffer holds 8 192

constexpr int kMaxChannels = 64;

// Full scale is 1. Some programs write 32-bit integers as floats unscaled, up to 2**31; beyond, sums
// of squares overflow float32, and the answer would be an empty transcript.
constexpr float kMaxAmplitude = 1e10F;

// -90 dB; -90.3 dB is the last bit of 16.
constexpr float kSilenceAmplitude = 3.1622776e-5F;

// Containers that tell how long they should be: of others libsndfile does not say what is missing.
constexpr std::array kContainers = {SF_FORMAT_WAV,  SF_FORMAT_WAVEX, SF_FORMAT_FLAC,
                                    SF_FORMAT_AIFF, SF_FORMAT_AU,    SF_FORMAT_OGG};

/// A file as libsndfile reads it: without a name, by whose ending it may take any bytes for audio,
/// and with 0 for the count of samples in a FLAC's header, at which it would stop although more
/// follow.
class SoundFile {
 public:
  explicit SoundFile(const Source& source) : source_(source), flac_(read_flac_header(source)) {
    static SF_VIRTUAL_IO callbacks = {length, seek, read, nullptr, tell};
    file_.reset(sf_open_virtual(&callbacks, SFM_READ, &info_, this));
    raise_kept();
    if (file_) return;
    throw Error(std::string("not audio that ") + sf_version_string() + " reads, or damaged (" +
                reason(nullptr) + ")");
  }

  const SF_INFO& info() const { return info_; }
  const std::optional<FlacHeader>& flac() const { return flac_; }

  /// Read samples of all channels, frame by frame: float, or int with the sample in its upper bits.
  template <typename T>
  std::size_t read_samples(T* samples, std::size_t wanted) {
    sf_count_t count = 0;
    if constexpr (std::is_same_v<T, float>) {
      count = sf_read_float(file_.get(), samples, static_cast<sf_count_t>(wanted));
    } else {
      count = sf_read_int(file_.get(), samples, static_cast<sf_count_t>(wanted));
    }
    raise_kept();
    return static_cast<std::size_t>(std::max<sf_count_t>(count, 0));
  }

  /// Return "" or the reason why reading failed.
  std::string problem() const { return sf_error(file_.get()) ? reason(file_.get()) : ""; }

  std::string log() const {
    std::string text(kLogBytes, '\0');
    sf_command(file_.get(), SFC_GET_LOG_INFO, text.data(), static_cast<int>(text.size()));
    return text.c_str();
  }

 private:
  static SoundFile& self(void* data) { return *static_cast<SoundFile*>(data); }

  static sf_count_t length(void* data) {
    return static_cast<sf_count_t>(self(data).source_.size());
  }

  static sf_count_t seek(sf_count_t offset, int whence, void* data) {
    SoundFile& file = self(data);
    const sf_count_t start = whence == SEEK_SET   ? 0
                             : whence == SEEK_CUR ? file.place_
                                                  : length(data);
    if (start + offset < 0) return -1;
    return file.place_ = start + offset;
  }

  static sf_count_t tell(void* data) { return self(data).place_; }

  /// No exception may pass through libsndfile: it is kept, and libsndfile sees the end of the file.
  static sf_count_t read(void* bytes, sf_count_t size, void* data) {
    SoundFile& file = self(data);
    if (file.kept_ || size <= 0) return 0;
    try {
      const auto place = static_cast<std::uint64_t>(file.place_);
      const std::size_t count = file.source_.read(place, bytes, static_cast<std::size_t>(size));
      if (file.flac_) hide_total(*file.flac_, static_cast<char*>(bytes), count, place);
      file.place_ += static_cast<sf_count_t>(count);
      return static_cast<sf_count_t>(count);
    } catch (const Error& error) {
      file.kept_ = error;
      return 0;
    }
  }

  static void hide_total(const FlacHeader& flac, char* bytes, std::size_t count,
                         std::uint64_t place) {
    for (std::uint64_t i = 0; i < 5; ++i) {
      const std::uint64_t at = flac.total_place + i;
      if (at < place || at >= place + count) continue;
      char& byte = bytes[at - place];
      byte = i == 0 ? static_cast<char>(byte & 0xF0) : '\0';
    }
  }

  void raise_kept() const {
    if (kept_) throw Error(kept_->reason());
  }

  /// "Error : flac decoder lost sync." without its frame.
  static std::string reason(SNDFILE* file) {
    std::string text = sf_strerror(file);
    if (text.rfind("Error : ", 0) == 0) text.erase(0, 8);
    text.erase(text.find_last_not_of(". ") + 1);
    return text;
  }

  const Source& source_;
  std::optional<FlacHeader> flac_;
  sf_count_t place_ = 0;
  std::optional<Error> kept_;
  SF_INFO info_ = {};
  std::unique_ptr<SNDFILE, int (*)(SNDFILE*)> file_{nullptr, sf_close};
};

void check_format(const SF_INFO& info, const Source& source) {
  const int container = info.format & SF_FORMAT_TYPEMASK;
  if (std::find(kContainers.begin(), kContainers.end(), container) == kContainers.end()) {
    SF_FORMAT_INFO format = {};
    format.format = container;
    const bool is_known = sf_command(nullptr, SFC_GET_FORMAT_INFO, &format, sizeof format) == 0;
    throw Error(std::string(is_known ? format.name : "another format") +
                ", of which libsndfile does not tell that a part is missing; "
                "convert it: ffmpeg -i FILE new.wav");
  }
  const int codec = info.format & SF_FORMAT_SUBMASK;
  if (codec >= SF_FORMAT_MPEG_LAYER_I && codec <= SF_FORMAT_MPEG_LAYER_III) {
    throw Error("MPEG audio inside another container, whose length libsndfile guesses; "
                "convert it: ffmpeg -i FILE new.wav");
  }
  if (info.channels > kMaxChannels) {
    throw Error("has " + std::to_string(info.channels) + " channels, and 1 to " +
                std::to_string(kMaxChannels) + " are read");
  }
  const std::string problem = container == SF_FORMAT_OGG ? ogg_problem(source) : riff_problem(source);
  if (!problem.empty()) throw Error(problem);
}

/// Append the mean of the channels of each frame to `waveform`.
void mix(const std::vector<float>& block, std::size_t count, std::size_t channels,
         std::vector<float>& waveform) {
  for (std::size_t first = 0; first + channels <= count; first += channels) {
    float sum = 0;
    for (std::size_t channel = 0; channel < channels; ++channel) sum += block[first + channel];
    waveform.push_back(sum / static_cast<float>(channels));
  }
}

std::string near_seconds(std::size_t frames, int sample_rate) {
  char text[48];
  std::snprintf(text, sizeof text, "%.2f s", static_cast<double>(frames) / sample_rate);
  return text;
}

/// Check a block that starts after `frames` frames.
void check_samples(const std::vector<float>& block, std::size_t count, std::size_t frames,
                   const SF_INFO& info) {
  for (std::size_t i = 0; i < count; ++i) {
    if (std::fabs(block[i]) <= kMaxAmplitude) continue;
    const std::size_t frame = frames + i / static_cast<std::size_t>(info.channels);
    throw Error((std::isfinite(block[i])
                     ? std::string("holds samples of more than 1e+10, where full scale is 1")
                     : std::string("holds samples that are not numbers (NaN or infinite)")) +
                ", near " + near_seconds(frame, info.samplerate));
  }
}

/// The MD5 of samples as FLAC computes it: little endian, in as many bytes as their bits need.
class SampleDigest {
 public:
  explicit SampleDigest(int bits) : bits_(bits), context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    is_good_ = context_ && EVP_DigestInit_ex(context_.get(), EVP_md5(), nullptr) == 1;
  }

  /// `samples` have their bits at the upper end.
  void add(const std::vector<int>& samples, std::size_t count) {
    const int width = (bits_ + 7) / 8;
    packed_.clear();
    for (std::size_t i = 0; i < count; ++i) {
      const int value = samples[i] >> (32 - bits_);
      for (int byte = 0; byte < width; ++byte) {
        packed_.push_back(static_cast<char>(value >> (8 * byte)));
      }
    }
    is_good_ = is_good_ && EVP_DigestUpdate(context_.get(), packed_.data(), packed_.size()) == 1;
  }

  /// Compare with the header's; nothing where that is not known or this OpenSSL has no MD5 (FIPS).
  std::optional<bool> matches(const std::string& expected) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (expected.empty() || !is_good_) return std::nullopt;
    if (EVP_DigestFinal_ex(context_.get(), digest, &size) != 1) return std::nullopt;
    return std::equal(expected.begin(), expected.end(), digest, digest + size,
                      [](char a, unsigned char b) { return static_cast<unsigned char>(a) == b; });
  }

 private:
  int bits_;
  bool is_good_ = false;
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
  std::vector<char> packed_;
};

void check_decoder(const SoundFile& file, std::size_t frames) {
  const std::string problem = file.problem();
  if (problem.empty()) return;
  throw Error("damaged or truncated after " + near_seconds(frames, file.info().samplerate) + " (" +
              problem + ")");
}

std::vector<float> decode(SoundFile& file) {
  const auto channels = static_cast<std::size_t>(file.info().channels);
  std::vector<float> block(std::max<std::size_t>(kBlockSamples / channels, 1) * channels);
  std::vector<float> waveform;
  while (const std::size_t count = file.read_samples(block.data(), block.size())) {
    check_samples(block, count, waveform.size(), file.info());
    mix(block, count, channels, waveform);
  }
  check_decoder(file, waveform.size());
  return waveform;
}

/// As above. The header's checksum of all samples, at which libsndfile does not look, says that they
/// are the right ones; where it fits, the header's count of them does not matter.
std::vector<float> decode_flac(SoundFile& file, const Source& source, std::int64_t& promised) {
  const FlacFrames frames = check_flac_frames(source, *file.flac());
  if (!frames.problem.empty()) throw Error(frames.problem);
  const auto channels = static_cast<std::size_t>(file.info().channels);
  std::vector<int> integers(std::max<std::size_t>(kBlockSamples / channels, 1) * channels);
  std::vector<float> block(integers.size());
  std::vector<float> waveform;
  SampleDigest digest(file.flac()->bits);
  while (const std::size_t count = file.read_samples(integers.data(), integers.size())) {
    digest.add(integers, count);
    std::transform(integers.begin(), integers.begin() + static_cast<std::ptrdiff_t>(count),
                   block.begin(), [](int sample) { return static_cast<float>(sample) * 0x1p-31F; });
    mix(block, count, channels, waveform);
  }
  check_decoder(file, waveform.size());
  const auto found = static_cast<std::int64_t>(waveform.size());
  const std::optional<bool> matches = digest.matches(file.flac()->md5);
  if (matches == false && promised <= found) {
    throw Error("damaged: the samples are not those that were written (their MD5 differs)");
  }
  if (matches == true || (!matches && frames.has_short_end)) promised = 0;
  promised = std::max(promised, static_cast<std::int64_t>(frames.frames));
  return waveform;
}

Audio read(const std::filesystem::path& path) {
  const Source source(path);
  SoundFile file(source);
  check_format(file.info(), source);
  std::int64_t promised =
      file.flac() ? static_cast<std::int64_t>(file.flac()->frames) : file.info().frames;
  Audio audio{file.flac() ? decode_flac(file, source, promised) : decode(file), file.info().samplerate};
  const auto found = static_cast<std::int64_t>(audio.waveform.size());
  const std::string problem = truncation_problem(
      {file.log(), promised, found, audio.sample_rate, source.size()});
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

bool is_silence(const Audio& audio) {
  float peak = 0.0F;
  for (const float sample : audio.waveform) peak = std::max(peak, std::fabs(sample));
  return peak > 0.0F && peak < kSilenceAmplitude;
}

}  // namespace voxport
