// From a package to something that runs: choose an artifact, check its hash, open it. The order
// matters: neither ONNX Runtime nor LibTorch sees a file before its hash is the manifest's.
#include <algorithm>

#include "backend.hpp"
#include "integrity.hpp"
#include "manifest.hpp"
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

std::string listed(const Manifest& manifest) {
  std::string names;
  for (const Artifact& item : manifest.artifacts) {
    names += (names.empty() ? "" : ", ") + item.precision + " " + item.kind;
  }
  return names.empty() ? "nothing" : names;
}

std::string what_runs_here() {
  std::string names;
  for (const BackendKind& kind : built_in_backends()) {
    names += (names.empty() ? "" : " and ") + kind.artifact;
  }
  return names.empty() ? "nothing" : names;
}

/// The artifact that is meant; where the request leaves several, the preferred backend and fp32.
const Artifact& choose(const std::filesystem::path& package, const Manifest& manifest,
                       const Options& options) {
  for (const BackendKind& kind : built_in_backends()) {
    const Artifact* chosen = nullptr;
    for (const Artifact& item : manifest.artifacts) {
      const bool fits = item.kind == kind.artifact &&
                        (options.artifact.empty() || options.artifact == item.kind) &&
                        (options.precision.empty() || options.precision == item.precision);
      if (fits && (chosen == nullptr || item.precision == "fp32")) chosen = &item;
    }
    if (chosen != nullptr) return *chosen;
  }
  const std::string wanted = options.precision + (options.precision.empty() ? "" : " ") +
                             options.artifact + (options.artifact.empty() ? "" : " ");
  throw Error(package, "holds no " + wanted + "artifact that can run here: it has " +
                           listed(manifest) + ", and this program was built to run " +
                           what_runs_here());
}

std::unique_ptr<Backend> open(const std::filesystem::path& package, const Artifact& artifact,
                              int threads) {
  for (const FileEntry& entry : artifact.external_data) checked(package, entry);
  return backend_for(artifact.kind)->open(checked(package, artifact.file), threads);
}

GraphOutput run(const Backend& backend, const Model& model, const Audio& audio) {
  if (audio.sample_rate != model.sample_rate) {
    const std::string wanted = std::to_string(model.sample_rate);
    throw Error("its sample rate is " + std::to_string(audio.sample_rate) +
                " Hz, the model wants " + wanted +
                " Hz and nothing here resamples; convert it: ffmpeg -i FILE -ar " + wanted +
                " new.wav");
  }
  std::vector<float> waveform = audio.waveform;
  const auto one_frame = static_cast<std::size_t>(model.receptive_field);
  waveform.resize(std::max(waveform.size(), one_frame));
  return backend.run(std::move(waveform), static_cast<std::int64_t>(audio.waveform.size()));
}

}  // namespace

Recognizer::Recognizer(const std::filesystem::path& package, const Options& options) {
  const Manifest manifest = read_manifest(package);
  if (manifest.model.labels.empty()) {
    throw Error(package, "the model has no CTC head: it gives features and no text");
  }
  model_ = manifest.model;
  backend_ = open(package, choose(package, manifest, options), options.threads);
}

Recognizer::~Recognizer() = default;
Recognizer::Recognizer(Recognizer&&) noexcept = default;
Recognizer& Recognizer::operator=(Recognizer&&) noexcept = default;

Transcript Recognizer::transcribe(const Audio& audio) const {
  const GraphOutput output = run(*backend_, model_, audio);
  const double duration =
      static_cast<double>(audio.waveform.size()) / static_cast<double>(audio.sample_rate);
  return transcript_of(output, duration, model_);
}

Emission Recognizer::emission(const Audio& audio) const {
  return emission_of(run(*backend_, model_, audio), model_);
}

}  // namespace voxport
