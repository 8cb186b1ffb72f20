// voxport packages without Python: audio in, transcripts out.
//
// This is the whole interface. It knows neither ONNX Runtime nor LibTorch: CMake chooses between
// them, and `backends()` lists them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "voxport/errors.hpp"
#include "voxport/export.h"
#include "voxport/version.hpp"

namespace voxport {

/// A decoded recording.
struct Audio {
  std::vector<float> waveform;  // (S,) the mean of the channels
  int sample_rate = 0;          // Hz
};

/// Read a file (wav, flac, ogg, aiff, au) at its own rate. Throws Error where it is not audio, is
/// damaged or ends early: a transcript of half a recording is a wrong transcript.
VOXPORT_API Audio read_audio(const std::filesystem::path& file);

/// The same from the bytes of a file; a message calls them `name`.
VOXPORT_API Audio read_audio_bytes(std::string bytes, const std::string& name = "the audio");

/// A recording that is decoded block by block, so that its length costs no memory. Its damage may
/// come to light at any read; no transcript of the part before it is given.
class VOXPORT_API Recording {
 public:
  /// Open a file. Throws Error where it is seen to be no audio, damaged or cut.
  explicit Recording(const std::filesystem::path& file);

  /// Open the bytes of a file.
  static Recording from_bytes(std::string bytes, const std::string& name = "the audio");

  /// Read a pipe or a file from where it stands, into an unnamed temporary file. 0 is standard input.
  static Recording from_descriptor(int descriptor, const std::string& name = "standard input");

  ~Recording();
  Recording(Recording&&) noexcept;
  Recording& operator=(Recording&&) noexcept;

  const std::string& name() const noexcept;
  int sample_rate() const noexcept;  // Hz

  /// Return the next `samples`, the mean of the channels; fewer only at the end.
  std::vector<float> read(std::size_t samples);

  double seconds() const noexcept;   // read so far
  bool is_silence() const noexcept;  // of what was read: see below

 private:
  class VOXPORT_HIDDEN Reader;
  explicit Recording(std::unique_ptr<Reader> reader);
  std::unique_ptr<Reader> reader_;
};

/// Tell whether a whole recording is silence to a model although not all of it is zero: under -90 dB,
/// as samples of 16 bits are in a file of 32.
VOXPORT_API bool is_silence(const Audio& audio);

/// A label with its times and score.
struct Token {
  std::int64_t label = 0;  // index into Model::labels
  std::string text;        // the label; the word delimiter is a space
  double start = 0;        // seconds
  double end = 0;          // seconds
  float score = 0;         // 0 to 1: mean posterior over the token's frames
};

/// A run of tokens between two word delimiters.
struct Word {
  std::string text;
  double start = 0;  // seconds, of its first token
  double end = 0;    // seconds, of its last token
  double score = 0;  // 0 to 1: the mean of its tokens', each weighted by its frames
};

/// The answer for one recording.
struct Transcript {
  std::string text;     // UTF-8, exactly as the graph decoded it
  double duration = 0;  // seconds
  std::vector<Word> words;
  std::vector<Token> tokens;
};

/// The model's logits.
struct Emission {
  std::vector<float> values;  // (frames, labels), row by row
  std::int64_t frames = 0;
  std::int64_t labels = 0;
};

/// A label and its score.
struct LabelScore {
  std::string label;
  float score = 0;  // 0 to 1
};

/// The answer of a classifier for one recording.
struct Classification {
  std::string label;               // of the highest score, as the graph named it
  double duration = 0;             // seconds
  std::vector<LabelScore> scores;  // of the best labels, the highest first
  std::vector<float> logits;       // of every label
};

/// The model as its manifest describes it.
struct Model {
  std::string name;
  std::string task = "transcription";  // or "classification", "embedding", "frame-classification"
  std::vector<std::string> labels;
  std::optional<std::string> word_delimiter;  // the label that becomes a space
  std::int64_t sample_rate = 0;               // Hz
  std::int64_t frame_stride = 0;              // samples
  std::int64_t receptive_field = 0;           // samples; a shorter waveform has no frames
  std::int64_t blank = 0;                     // index of CTC's blank
  bool is_normalized = false;                 // its emission is log-probabilities, no logits
  std::int64_t least_samples = 0;  // of a recording with an answer, where the task is another
};

/// A transcript or an error of one recording of many.
struct Outcome {
  std::string name;                      // the file
  std::optional<Transcript> transcript;  // none where it failed
  std::string reason;                    // why it failed, without the name
  ErrorKind kind = ErrorKind::other;     // of the failure
};

/// A transcript and the logits that it was decoded from.
struct Recognition {
  Transcript transcript;
  Emission emission;
};

/// Choice of an artifact, and settings for its backend.
struct Options {
  // "onnx", also where empty, or "torchscript", which runs the package's own code: it can read and
  // write files, and so runs only where it is named.
  std::string artifact;
  std::string precision;  // "fp32", "int8", ...; empty: fp32 if the package has it
  int threads = 0;        // CPU threads; 0: the backend's own choice
  // Up to here a recording runs at once; a longer one in overlapping windows, in constant memory.
  double whole_seconds = 120;
  double window_seconds = 40;
};

/// Return the backends in this build with their versions: "ONNX Runtime 1.22.0".
VOXPORT_API std::vector<std::string> backends();

class Backend;

/// A loaded artifact on the CPU. Several threads may use one at once.
class VOXPORT_API Recognizer {
 public:
  /// Open a package's folder. The bytes that run are those whose SHA-256 the manifest records, or
  /// Error. ONNX Runtime's telemetry is turned off (ORT_DISABLE_TELEMETRY=1 in this process, unless
  /// the variable is set).
  explicit Recognizer(const std::filesystem::path& package, const Options& options = {});
  ~Recognizer();
  Recognizer(Recognizer&&) noexcept;
  Recognizer& operator=(Recognizer&&) noexcept;

  const Model& model() const noexcept { return model_; }

  /// Run the model once on audio of any rate: text, tokens, words and emission. Error where the rate
  /// is not the model's and the package cannot resample, as those of an earlier voxport. A recording
  /// of more than `Options::whole_seconds` runs in overlapping windows, and its emission is stitched.
  Recognition recognize(const Audio& audio) const;

  /// The same without the emission, or without the transcript.
  Transcript transcribe(const Audio& audio) const;
  Emission emission(const Audio& audio) const;

  /// The same of a recording that is read to its end, its samples never all in memory where it runs
  /// in windows.
  Recognition recognize(Recording& recording) const;
  Transcript transcribe(Recording& recording) const;
  Transcript transcribe(Recording&& recording) const { return transcribe(recording); }

  /// Transcribe files one behind another; one that fails is an outcome with its reason and stops no
  /// other.
  std::vector<Outcome> transcribe_each(const std::vector<std::filesystem::path>& files) const;

 private:
  struct VOXPORT_HIDDEN State;
  std::unique_ptr<State> state_;
  Model model_;
};

/// A loaded artifact of a model that classifies recordings, on the CPU. Several threads may use one
/// at once.
class VOXPORT_API Classifier {
 public:
  /// Open a package's folder, as Recognizer does. Error where the model's task is another.
  explicit Classifier(const std::filesystem::path& package, const Options& options = {});
  ~Classifier();
  Classifier(Classifier&&) noexcept;
  Classifier& operator=(Classifier&&) noexcept;

  const Model& model() const noexcept { return model_; }

  /// Classify audio of any rate; `top_k` is the number of scores. Error where it is too short.
  Classification classify(const Audio& audio, std::size_t top_k = 5) const;

 private:
  Model model_;
  bool resamples_ = false;
  std::unique_ptr<Backend> backend_;
};

}  // namespace voxport
