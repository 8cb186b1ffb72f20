// From a package to a backend: choose an artifact, read and hash its files, load those bytes. The
// order matters: neither ONNX Runtime nor LibTorch sees a byte that was not hashed.
#include "open_artifact.hpp"

#include "package/integrity.hpp"
#include "package/manifest.hpp"

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
  throw ArtifactUnavailableError(package, "holds no " + wanted + "artifact that can run here: it has " +
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

/// Say what a package of this task gives, and the class and program for it.
std::string describe_task(const Model& model) {
  if (model.task == "classification") {
    return "labels of recordings (voxport::Classifier, the program classify)";
  }
  if (model.task != "transcription") {
    return "answers of the task " + model.task + ", which the Python runtime runs";
  }
  return model.labels.empty() ? "features, which the Python runtime runs"
                              : "text (voxport::Recognizer, the program transcribe)";
}

void require_task(const std::filesystem::path& package, const Model& model,
                  const std::string& task) {
  if (model.task == task && !model.labels.empty()) return;
  if (model.task == "transcription" && model.labels.empty()) {
    throw ArtifactUnavailableError(package, "the model has no CTC head: it gives features and no text");
  }
  throw ArtifactUnavailableError(package, "the model is not one for " + task + ": it gives " + describe_task(model));
}

}  // namespace

OpenedArtifact open_artifact(const std::filesystem::path& package, const std::string& task,
                             const Options& options) {
  Manifest manifest = read_manifest(package);
  require_task(package, manifest.model, task);
  const Artifact& artifact = choose(package, manifest, options);
  const bool resamples = artifact.takes_sample_rate;
  auto backend = open(package, artifact, options.threads);
  return {std::move(manifest.model), resamples, std::move(backend)};
}

std::optional<std::int64_t> rate_to_resample(int sample_rate, const Model& model, bool resamples) {
  if (sample_rate == model.sample_rate) return std::nullopt;
  const std::string given = "its sample rate is " + std::to_string(sample_rate) + " Hz";
  const std::string wanted = std::to_string(model.sample_rate);
  if (!resamples) {
    throw AudioError(given + ", the model wants " + wanted + " Hz and this package, of an earlier " +
                "voxport, does not resample; export it again, or convert the recording: " +
                "ffmpeg -i FILE -ar " + wanted + " new.wav");
  }
  if (sample_rate < kMinRate || sample_rate > kMaxRate) {
    throw AudioError(given + "; it must be " + std::to_string(kMinRate) + " to " +
                std::to_string(kMaxRate));
  }
  return sample_rate;
}

double duration_of(const Audio& audio) {
  return static_cast<double>(audio.waveform.size()) / static_cast<double>(audio.sample_rate);
}

}  // namespace voxport
