// Decodes audio files; the only file that knows libsndfile. Every way in which a file can be bad is
// an Error that names it. Does not know the rate that a model wants.
#include <openssl/evp.h>
#include <sndfile.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
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
    throw AudioFileError(std::string("not audio that ") + sf_version_string() + " reads, or damaged (" +
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
      file.kept_ = error.reason();
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
    if (kept_) throw AudioFileError(*kept_);
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
  std::optional<std::string> kept_;
  SF_INFO info_ = {};
  std::unique_ptr<SNDFILE, int (*)(SNDFILE*)> file_{nullptr, sf_close};
};

void check_format(const SF_INFO& info, const Source& source) {
  const int container = info.format & SF_FORMAT_TYPEMASK;
  if (std::find(kContainers.begin(), kContainers.end(), container) == kContainers.end()) {
    SF_FORMAT_INFO format = {};
    format.format = container;
    const bool is_known = sf_command(nullptr, SFC_GET_FORMAT_INFO, &format, sizeof format) == 0;
    throw AudioFileError(std::string(is_known ? format.name : "another format") +
                ", of which libsndfile does not tell that a part is missing; "
                "convert it: ffmpeg -i FILE new.wav");
  }
  const int codec = info.format & SF_FORMAT_SUBMASK;
  if (codec >= SF_FORMAT_MPEG_LAYER_I && codec <= SF_FORMAT_MPEG_LAYER_III) {
    throw AudioFileError("MPEG audio inside another container, whose length libsndfile guesses; "
                "convert it: ffmpeg -i FILE new.wav");
  }
  if (info.channels > kMaxChannels) {
    throw AudioFileError("has " + std::to_string(info.channels) + " channels, and 1 to " +
                std::to_string(kMaxChannels) + " are read");
  }
  const std::string problem = container == SF_FORMAT_OGG ? ogg_problem(source) : riff_problem(source);
  if (!problem.empty()) throw AudioFileError(problem);
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
    throw AudioFileError((std::isfinite(block[i])
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
  throw AudioFileError("damaged or truncated after " + near_seconds(frames, file.info().samplerate) + " (" +
              problem + ")");
}

/// Decodes a recording block by block, and checks at its end that it was all there.
class Decoder {
 public:
  template <typename... Input>
  explicit Decoder(Input&&... input) : source_(std::forward<Input>(input)...), file_(source_) {
    const SF_INFO& info = file_.info();
    check_format(info, source_);
    channels_ = static_cast<std::size_t>(info.channels);
    block_.resize(std::max<std::size_t>(kBlockSamples / channels_, 1) * channels_);
    promised_ = file_.flac() ? static_cast<std::int64_t>(file_.flac()->frames) : info.frames;
    if (!file_.flac()) return;
    flac_frames_ = check_flac_frames(source_, *file_.flac());
    if (!flac_frames_.problem.empty()) throw AudioFileError(flac_frames_.problem);
    integers_.resize(block_.size());
    digest_.emplace(file_.flac()->bits);
  }

  int sample_rate() const { return file_.info().samplerate; }
  std::int64_t frames() const { return frames_; }  // read so far

  /// Append the next block to `waveform`; return false at the end.
  bool append_block(std::vector<float>& waveform) {
    const std::size_t before = waveform.size();
    const std::size_t count = digest_ ? read_integers() : file_.read_samples(block_.data(), block_.size());
    if (count == 0) {
      check_end();
      return false;
    }
    const auto frames = static_cast<std::size_t>(frames_);
    if (!digest_) check_samples(block_, count, frames, file_.info());
    mix(block_, count, channels_, waveform);
    frames_ += static_cast<std::int64_t>(waveform.size() - before);
    return true;
  }

 private:
  std::size_t read_integers() {
    const std::size_t count = file_.read_samples(integers_.data(), integers_.size());
    digest_->add(integers_, count);
    std::transform(integers_.begin(), integers_.begin() + static_cast<std::ptrdiff_t>(count),
                   block_.begin(), [](int sample) { return static_cast<float>(sample) * 0x1p-31F; });
    return count;
  }

  void check_end() {
    check_decoder(file_, static_cast<std::size_t>(frames_));
    if (digest_) check_flac_end();
    const std::string problem =
        truncation_problem({file_.log(), promised_, frames_, sample_rate(), source_.size()});
    if (!problem.empty()) throw AudioFileError(problem);
    if (frames_ == 0) throw AudioFileError("holds no audio (0 samples)");
  }

  /// The header's checksum of all samples, at which libsndfile does not look, says that they are the
  /// right ones; where it fits, the header's count of them does not matter.
  void check_flac_end() {
    const std::optional<bool> matches = digest_->matches(file_.flac()->md5);
    if (matches == false && promised_ <= frames_) {
      throw AudioFileError("damaged: the samples are not those that were written (their MD5 differs)");
    }
    if (matches == true || (!matches && flac_frames_.has_short_end)) promised_ = 0;
    promised_ = std::max(promised_, static_cast<std::int64_t>(flac_frames_.frames));
  }

  Source source_;
  SoundFile file_;
  std::size_t channels_ = 1;
  std::int64_t promised_ = 0;
  std::int64_t frames_ = 0;
  FlacFrames flac_frames_;
  std::optional<SampleDigest> digest_;
  std::vector<int> integers_;
  std::vector<float> block_;
};

}  // namespace

class Recording::Reader {
 public:
  template <typename Input>
  Reader(std::string name, Input&& input) : name_(std::move(name)) {
    named([&] { decoder_.emplace(std::forward<Input>(input)); });
  }

  const std::string& name() const { return name_; }
  int sample_rate() const { return decoder_->sample_rate(); }
  std::int64_t given() const { return given_; }
  float peak() const { return peak_; }

  std::vector<float> read(std::size_t samples) {
    named([&] {
      while (!is_done_ && ready_.size() < samples) is_done_ = !decoder_->append_block(ready_);
    });
    std::vector<float> rest;
    if (ready_.size() > samples) {
      rest.assign(ready_.begin() + static_cast<std::ptrdiff_t>(samples), ready_.end());
      ready_.resize(samples);
    }
    std::swap(rest, ready_);
    for (const float sample : rest) peak_ = std::max(peak_, std::fabs(sample));
    given_ += static_cast<std::int64_t>(rest.size());
    return rest;
  }

 private:
  template <typename Step>
  void named(Step step) const {
    try {
      step();
    } catch (const Error& error) {
      error.raise_about(name_);
    }
  }

  std::string name_;
  std::optional<Decoder> decoder_;
  std::vector<float> ready_;
  bool is_done_ = false;
  std::int64_t given_ = 0;
  float peak_ = 0;
};

Recording::Recording(const std::filesystem::path& file)
    : reader_(std::make_unique<Reader>(file.string(), file)) {}
Recording::Recording(std::unique_ptr<Reader> reader) : reader_(std::move(reader)) {}
Recording::~Recording() = default;
Recording::Recording(Recording&&) noexcept = default;
Recording& Recording::operator=(Recording&&) noexcept = default;

Recording Recording::from_bytes(std::string bytes, const std::string& name) {
  return Recording(std::make_unique<Reader>(name, std::move(bytes)));
}

Recording Recording::from_descriptor(int descriptor, const std::string& name) {
  return Recording(std::make_unique<Reader>(name, descriptor));
}

const std::string& Recording::name() const noexcept { return reader_->name(); }
int Recording::sample_rate() const noexcept { return reader_->sample_rate(); }
std::vector<float> Recording::read(std::size_t samples) { return reader_->read(samples); }
double Recording::seconds() const noexcept {
  return static_cast<double>(reader_->given()) / reader_->sample_rate();
}
bool Recording::is_silence() const noexcept {
  return reader_->peak() > 0.0F && reader_->peak() < kSilenceAmplitude;
}

namespace {

Audio read_all(Recording recording) {
  return {recording.read(std::numeric_limits<std::size_t>::max()), recording.sample_rate()};
}

}  // namespace

Audio read_audio(const std::filesystem::path& file) { return read_all(Recording(file)); }

Audio read_audio_bytes(std::string bytes, const std::string& name) {
  return read_all(Recording::from_bytes(std::move(bytes), name));
}

bool is_silence(const Audio& audio) {
  float peak = 0.0F;
  for (const float sample : audio.waveform) peak = std::max(peak, std::fabs(sample));
  return peak > 0.0F && peak < kSilenceAmplitude;
}

}  // namespace voxport
