// Runs an ONNX artifact with ONNX Runtime; the only file that includes it. Knows the graph's names,
// nothing of packages, audio or labels.
#include <onnxruntime_cxx_api.h>

#include <cstdlib>
#include <mutex>
#include <set>

#include "backends/backend.hpp"
#include "package/onnx_protobuf.hpp"

namespace voxport {
namespace {

/// Check an output of one row; what another element type or shape holds must not be read.
void check_output(const Ort::Value& output, const char* name, ONNXTensorElementDataType type,
                  std::size_t rank) {
  if (output.IsTensor()) {
    const auto info = output.GetTensorTypeAndShapeInfo();
    const std::vector<std::int64_t> shape = info.GetShape();
    if (info.GetElementType() == type && shape.size() == rank && shape.at(0) == 1) return;
  }
  throw InferenceError(std::string("the graph's output '") + name +
              "' has another type or shape than voxport writes; export the package again");
}

/// Return the values of the output at `index`, which has one row.
template <typename T>
std::vector<T> values(const std::vector<Ort::Value>& outputs, std::size_t index,
                      std::size_t rank, const char* name) {
  check_output(outputs.at(index), name, Ort::TypeToTensorType<T>::type, rank);
  const T* data = outputs[index].GetTensorData<T>();
  return {data, data + outputs[index].GetTensorTypeAndShapeInfo().GetElementCount()};
}

class OnnxBackend : public Backend {
 public:
  OnnxBackend(const ArtifactBytes& artifact, int threads)
      : environment_(ORT_LOGGING_LEVEL_FATAL, "voxport"),  // errors come as exceptions
        session_(environment_, artifact.model.data.get(), artifact.model.size,
                 session_options(artifact, threads)) {}

  GraphOutput run(std::vector<float> waveform, std::int64_t length,
                  std::optional<std::int64_t> sample_rate) const override {
    try {
      return answer(fetch(waveform, length, sample_rate, kOutputs.data(), kOutputs.size()));
    } catch (const Ort::Exception& error) {
      throw InferenceError(describe_failure("ONNX Runtime", length, error.what()));
    }
  }

  LabelOutput classify(std::vector<float> waveform, std::int64_t length,
                       std::optional<std::int64_t> sample_rate) const override {
    try {
      const auto outputs =
          fetch(waveform, length, sample_rate, kLabelOutputs.data(), kLabelOutputs.size());
      check_output(outputs.at(2), kLabelOutputs[2], ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING, 1);
      return {values<float>(outputs, 0, 2, kLabelOutputs[0]),
              values<float>(outputs, 1, 2, kLabelOutputs[1]),
              outputs[2].GetStringTensorElement(0)};
    } catch (const Ort::Exception& error) {
      throw InferenceError(describe_failure("ONNX Runtime", length, error.what()));
    }
  }

 private:
  static Ort::SessionOptions session_options(const ArtifactBytes& artifact, int threads) {
    Ort::SessionOptions options;
    options.AddConfigEntry("session.load_model_format", "ONNX");  // never its own format
    if (!artifact.weights.empty()) add_weights(artifact, options);
    options.SetLogSeverityLevel(ORT_LOGGING_LEVEL_FATAL);
    options.SetIntraOpNumThreads(threads);
    options.DisableMemPattern();  // a plan for every new length is kept for ever, and saves no time
    return options;
  }

  /// The session copies them.
  static void add_weights(const ArtifactBytes& artifact, Ort::SessionOptions& options) {
    std::vector<std::basic_string<ORTCHAR_T>> names;
    std::vector<char*> data;
    std::vector<std::size_t> sizes;
    for (std::size_t i = 0; i < artifact.weights.size(); ++i) {
      names.push_back(artifact.weight_names.at(i));
      data.push_back(artifact.weights[i].data.get());
      sizes.push_back(artifact.weights[i].size);
    }
    options.AddExternalInitializersFromFilesInMemory(names, data, sizes);
  }

  std::vector<Ort::Value> fetch(std::vector<float>& waveform, std::int64_t& length,
                                std::optional<std::int64_t>& sample_rate,
                                const char* const* outputs, std::size_t count) const {
    const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    const std::array<std::int64_t, 2> shape = {1, static_cast<std::int64_t>(waveform.size())};
    const std::array<std::int64_t, 1> rows = {1};
    const std::array<const char*, 3> names = {"waveform", "lengths", "sample_rate"};
    std::vector<Ort::Value> inputs;
    inputs.push_back(Ort::Value::CreateTensor<float>(memory, waveform.data(), waveform.size(),
                                                     shape.data(), shape.size()));
    inputs.push_back(
        Ort::Value::CreateTensor<std::int64_t>(memory, &length, 1, rows.data(), rows.size()));
    if (sample_rate) {  // a scalar
      inputs.push_back(
          Ort::Value::CreateTensor<std::int64_t>(memory, &*sample_rate, 1, nullptr, 0));
    }
    // Run() is not const, and safe to call from several threads.
    auto& session = const_cast<Ort::Session&>(session_);
    return session.Run(Ort::RunOptions(), names.data(), inputs.data(), inputs.size(),
                       outputs, count);
  }

  static GraphOutput answer(const std::vector<Ort::Value>& outputs) {
    GraphOutput answer;
    answer.emission = values<float>(outputs, 0, 3, kOutputs[0]);
    answer.labels = outputs[0].GetTensorTypeAndShapeInfo().GetShape().at(2);
    answer.frames = values<std::int64_t>(outputs, 1, 1, kOutputs[1]).at(0);
    answer.tokens = values<std::int64_t>(outputs, 2, 2, kOutputs[2]);
    answer.token_count = values<std::int64_t>(outputs, 3, 1, kOutputs[3]).at(0);
    answer.starts = values<std::int64_t>(outputs, 4, 2, kOutputs[4]);
    answer.ends = values<std::int64_t>(outputs, 5, 2, kOutputs[5]);
    answer.scores = values<float>(outputs, 6, 2, kOutputs[6]);
    check_output(outputs.at(7), kOutputs[7], ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING, 1);
    answer.transcript = outputs[7].GetStringTensorElement(0);
    return answer;
  }

  Ort::Env environment_;
  Ort::Session session_;
};

/// From 1.29 on, ONNX Runtime keeps a device id and a database of events in the user's cache folder
/// and uploads them. Off, unless the variable says otherwise; it is read when the first environment
/// is made, so that it must be set before that.
void disable_telemetry() {
  static std::once_flag once;
  std::call_once(once, [] { ::setenv("ORT_DISABLE_TELEMETRY", "1", 0); });
}

/// A library older than the headers gives no interface, and the first call would crash.
void require_interface() {
  if (OrtGetApiBase()->GetApi(ORT_API_VERSION) == nullptr) {
    throw InferenceError("libonnxruntime is " + onnxruntime_version() +
                ", and this program was built for 1." + std::to_string(ORT_API_VERSION) +
                " or later");
  }
}

}  // namespace

std::string onnxruntime_version() { return OrtGetApiBase()->GetVersionString(); }

std::unique_ptr<Backend> open_onnx(const ArtifactBytes& artifact, int threads) {
  require_interface();
  disable_telemetry();
  try {
    check_onnx(artifact.model.view(),
               {artifact.weight_names.begin(), artifact.weight_names.end()});
    return std::make_unique<OnnxBackend>(artifact, threads);
  } catch (const Ort::Exception& error) {
    throw InferenceError(artifact.path,
                "ONNX Runtime " + onnxruntime_version() + " cannot load it: " + error.what());
  } catch (const Error& error) {
    error.raise_about(artifact.path);
  }
}

}  // namespace voxport
