// The C interface on the C++ classes: handles, statuses, and no exception past it.
#include <new>
#include <string>

#include "voxport/voxport.h"
#include "voxport/voxport.hpp"

struct voxport_recognizer {
  voxport::Recognizer recognizer;
  bool keeps_emission;
};

struct voxport_transcript {
  voxport::Recognition heard;
  bool has_emission;
};

namespace {

thread_local std::string last_error;

/// Run a step; return its status, with the reason kept for voxport_last_error().
template <typename Step>
voxport_status guard(Step step) noexcept {
  try {
    last_error.clear();
    step();
    return VOXPORT_OK;
  } catch (const voxport::Error& error) {
    last_error = error.what();
    return static_cast<voxport_status>(error.kind());
  } catch (const std::bad_alloc&) {
    last_error = "there is not enough memory";  // short enough for no allocation to be needed
    return VOXPORT_INFERENCE_ERROR;
  } catch (const std::exception& error) {
    last_error = error.what();
  } catch (...) {
    last_error = "unknown";
  }
  return VOXPORT_ERROR;
}

void require(const void* pointer, const char* name) {
  if (pointer == nullptr) throw voxport::InputError(std::string(name) + " must not be NULL");
}

voxport::Options read_options(const voxport_options& given) {
  if (given.size < sizeof(voxport_options)) {
    throw voxport::InputError("options.size is not set: call voxport_options_init() first");
  }
  voxport::Options options;
  if (given.artifact != nullptr) options.artifact = given.artifact;
  if (given.precision != nullptr) options.precision = given.precision;
  options.threads = given.threads;
  options.whole_seconds = given.whole_seconds;
  options.window_seconds = given.window_seconds;
  return options;
}

template <typename Audio>
void hear(const voxport_recognizer& handle, Audio&& audio, voxport_transcript** transcript) {
  voxport::Recognition heard;
  if (handle.keeps_emission) {
    heard = handle.recognizer.recognize(audio);
  } else {
    heard.transcript = handle.recognizer.transcribe(audio);
  }
  *transcript = new voxport_transcript{std::move(heard), handle.keeps_emission};
}

/// Check the arguments, which a caller in another language may have confused, and empty the result.
void prepare(const voxport_recognizer* recognizer, voxport_transcript** transcript) {
  require(transcript, "transcript");
  *transcript = nullptr;
  require(recognizer, "recognizer");
}

template <typename Part>
voxport_span span(const std::vector<Part>& parts, std::size_t index) {
  if (index >= parts.size()) return {nullptr, 0, 0, 0};
  const Part& part = parts[index];
  return {part.text.c_str(), part.start, part.end, static_cast<double>(part.score)};
}

}  // namespace

extern "C" {

const char* voxport_version(void) { return VOXPORT_VERSION; }

const char* voxport_status_name(voxport_status status) {
  return status == VOXPORT_OK ? "OK" : voxport::kind_name(static_cast<voxport::ErrorKind>(status));
}

const char* voxport_last_error(void) { return last_error.c_str(); }

void voxport_options_init(voxport_options* options) {
  if (options == nullptr) return;
  const voxport::Options defaults;
  *options = {sizeof(voxport_options), nullptr, nullptr, 0, 0, defaults.whole_seconds,
              defaults.window_seconds};
}

voxport_status voxport_open(const char* package, const voxport_options* options,
                            voxport_recognizer** recognizer) {
  return guard([&] {
    require(recognizer, "recognizer");
    *recognizer = nullptr;
    require(package, "package");
    const voxport::Options chosen = options ? read_options(*options) : voxport::Options{};
    *recognizer = new voxport_recognizer{voxport::Recognizer(package, chosen),
                                         options != nullptr && options->keep_emission != 0};
  });
}

void voxport_close(voxport_recognizer* recognizer) { delete recognizer; }

int32_t voxport_sample_rate(const voxport_recognizer* recognizer) {
  return recognizer ? static_cast<int32_t>(recognizer->recognizer.model().sample_rate) : 0;
}

size_t voxport_label_count(const voxport_recognizer* recognizer) {
  return recognizer ? recognizer->recognizer.model().labels.size() : 0;
}

const char* voxport_label(const voxport_recognizer* recognizer, size_t index) {
  if (index >= voxport_label_count(recognizer)) return nullptr;
  return recognizer->recognizer.model().labels[index].c_str();
}

voxport_status voxport_transcribe_file(const voxport_recognizer* recognizer, const char* file,
                                       voxport_transcript** transcript) {
  return guard([&] {
    prepare(recognizer, transcript);
    require(file, "file");
    voxport::Recording recording{std::filesystem::path(file)};
    hear(*recognizer, recording, transcript);
  });
}

voxport_status voxport_transcribe_bytes(const voxport_recognizer* recognizer, const void* bytes,
                                        size_t size, voxport_transcript** transcript) {
  return guard([&] {
    prepare(recognizer, transcript);
    require(bytes, "bytes");
    const std::string content(static_cast<const char*>(bytes), size);
    voxport::Recording recording = voxport::Recording::from_bytes(content);
    hear(*recognizer, recording, transcript);
  });
}

voxport_status voxport_transcribe_samples(const voxport_recognizer* recognizer,
                                          const float* samples, size_t count, int32_t sample_rate,
                                          voxport_transcript** transcript) {
  return guard([&] {
    prepare(recognizer, transcript);
    if (count > 0) require(samples, "samples");
    const voxport::Audio audio{{samples, samples + count}, sample_rate};
    hear(*recognizer, audio, transcript);
  });
}

void voxport_transcript_free(voxport_transcript* transcript) { delete transcript; }

const char* voxport_transcript_text(const voxport_transcript* transcript) {
  return transcript ? transcript->heard.transcript.text.c_str() : "";
}

double voxport_transcript_duration(const voxport_transcript* transcript) {
  return transcript ? transcript->heard.transcript.duration : 0;
}

size_t voxport_word_count(const voxport_transcript* transcript) {
  return transcript ? transcript->heard.transcript.words.size() : 0;
}

voxport_span voxport_word(const voxport_transcript* transcript, size_t index) {
  if (transcript == nullptr) return {nullptr, 0, 0, 0};
  return span(transcript->heard.transcript.words, index);
}

size_t voxport_token_count(const voxport_transcript* transcript) {
  return transcript ? transcript->heard.transcript.tokens.size() : 0;
}

voxport_span voxport_token(const voxport_transcript* transcript, size_t index) {
  if (transcript == nullptr) return {nullptr, 0, 0, 0};
  return span(transcript->heard.transcript.tokens, index);
}

const float* voxport_emission(const voxport_transcript* transcript, size_t* frames,
                              size_t* labels) {
  const bool has_one = transcript != nullptr && transcript->has_emission;
  if (frames) *frames = has_one ? static_cast<size_t>(transcript->heard.emission.frames) : 0;
  if (labels) *labels = has_one ? static_cast<size_t>(transcript->heard.emission.labels) : 0;
  return has_one ? transcript->heard.emission.values.data() : nullptr;
}

}  // extern "C"
