// From a package to a backend: choose an artifact, read and hash its files, load those bytes. The
// order matters: neither ONNX Runtime nor LibTorch sees a byte that was not hashed.
#include <algorithm>

#include "backends/backend.hpp"
#include "package/integrity.hpp"
#include "package/manifest.hpp"
#include "transcript.hpp"
#include "voxport/voxport.hpp"

namespace voxport {
namespace {

const BackendKind* backend_for(const std::string& artifact) {
  for (const BackendKind& kind : built_in_backends()) {
    if (kind.artifact == artifact) return &kind;
  }
  return nullptr;
}

std::string list_artifacts(const Manifest& manifest) {
  std::string names;
  for (const Artifact& item : manifest.artifacts) {
    names += (names.empty() ? "" : ", ") + item.precision + " " + item.kind;
  }
  return names.empty() ? "nothing" : names;
}

std::string list_kinds() {
  std::string names;
  for (const BackendKind& kind : built_in_backends()) {
    names += (names.empty() ? "" : " and ") + kind.artifact;
  }
  return names.empty() ? "nothing" : names;
}

/// Choose the artifact that fits the request; of several, the preferred backend's and fp32.
const Artifact& choose(const std::filesystem::path& package, const Manifest& manifest,
                       const Options& options) {
  for (const BackendKind& kind : built_in_backends()) {
    const Artifact* chosen = nullptr;
    for (const Artifact& item : manifest.artifacts) {
      const bool fits = item.kind == kind.artifact &&
                        (options.artifact == item.kind ||
                         (options.artifact.empty() && !kind.is_by_name_only)) &&
                        (options.precision.empty() || options.precision == item.precision);
      if (fits && (chosen == nullptr || item.precision == "fp32")) chosen = &item;
    }
    if (chosen != nullptr) return *chosen;
  }
  const std::string wanted = options.precision + (options.precision.empty() ? "" : " ") +
                             options.artifact + (options.artifact.empty() ? "" : " ");
  const bool runs_code_only = options.artifact.empty() && list_kinds() == "torchscript";
  throw Error(package, "holds no " + wanted + "artifact that can run here: it has " +
                           list_artifacts(manifest) + ", and this program was built to run " +
                           list_kinds() +
                           (runs_code_only ? ", which runs the package's own code and so only where "
                                             "it is named: artifact torchscript"
                                           : ""));
}

std::unique_ptr<Backend> open(const std::filesystem::path& package, const Artifact& artifact,
                              int threads) {
  ArtifactBytes bytes;
  for (const FileEntry& entry : artifact.external_data) {
    bytes.weight_names.push_back(entry.path);
    bytes.weights.push_back(read_checked(package, entry));
  }
  bytes.path = package / artifact.file.path;
  bytes.model = read_checked(package, artifact.file);
  return backend_for(artifact.kind)->open(bytes, threads);
}

// A rate outside of these is a damaged header: telephones have 8 kHz, recorders of ultrasound 500 kHz.
// The graph gives no frames for one.
constexpr int kMinRate = 1'000;  // Hz
constexpr int kMaxRate = 1'000'000;

/// Return the rate that the graph resamples from, or none where the audio is at the model's.
std::optional<std::int64_t> rate_to_resample(int sample_rate, const Model& model, bool resamples) {
  if (sample_rate == model.sample_rate) return std::nullopt;
  const std::string given = "its sample rate is " + std::to_string(sample_rate) + " Hz";
  const std::string wanted = std::to_string(model.sample_rate);
  if (!resamples) {
    throw Error(given + ", the model wants " + wanted + " Hz and this package, of an earlier " +
                "voxport, does not resample; export it again, or convert the recording: " +
                "ffmpeg -i FILE -ar " + wanted + " new.wav");
  }
  if (sample_rate < kMinRate || sample_rate > kMaxRate) {
    throw Error(given + "; it must be " + std::to_string(kMinRate) + " to " +
                std::to_string(kMaxRate));
  }
  return sample_rate;
}

double duration_of(const Audio& audio) {
  return static_cast<double>(audio.waveform.size()) / static_cast<double>(audio.sample_rate);
}

}  // namespace

Recognizer::Recognizer(const std::filesystem::path& package, const Options& options) {
  const Manifest manifest = read_manifest(package);
  if (manifest.model.labels.empty()) {
    throw Error(package, "the model has no CTC head: it gives features and no text");
  }
  model_ = manifest.model;
  const Artifact& artifact = choose(package, manifest, options);
  resamples_ = artifact.takes_sample_rate;
  backend_ = open(package, artifact, options.threads);
}

Recognizer::~Recognizer() = default;
Recognizer::Recognizer(Recognizer&&) noexcept = default;
Recognizer& Recognizer::operator=(Recognizer&&) noexcept = default;

GraphOutput Recognizer::run(const Audio& audio) const {
  const auto sample_rate = rate_to_resample(audio.sample_rate, model_, resamples_);
  std::vector<float> waveform = audio.waveform;
  const auto one_frame = static_cast<std::size_t>(model_.receptive_field);
  waveform.resize(std::max(waveform.size(), one_frame));
  const auto length = static_cast<std::int64_t>(audio.waveform.size());
  return backend_->run(std::move(waveform), length, sample_rate);
}

Recognition Recognizer::recognize(const Audio& audio) const {
  GraphOutput output = run(audio);
  Transcript transcript = make_transcript(output, duration_of(audio), model_);
  return {std::move(transcript), take_emission(std::move(output), model_)};
}

Transcript Recognizer::transcribe(const Audio& audio) const {
  return make_transcript(run(audio), duration_of(audio), model_);
}

Emission Recognizer::emission(const Audio& audio) const {
  return take_emission(run(audio), model_);
}

}  // namespace voxport
