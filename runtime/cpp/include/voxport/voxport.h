/* voxport packages for C and every language that calls C: audio in, transcripts out.
 *
 * Functions that can fail return a status; voxport_last_error() then says why. No exception passes.
 *
 * Threads. A recognizer may be used by several threads at once, and is closed once, by one of them,
 * after the last call. A transcript belongs to one thread at a time. The last error is the calling
 * thread's own.
 *
 * Strings are UTF-8 and end in a null. Those of a transcript or a recognizer live as long as it does.
 */
#ifndef VOXPORT_H
#define VOXPORT_H

#include <stddef.h>
#include <stdint.h>

#include "voxport/export.h"
#include "voxport/version.hpp" /* macros alone */

#ifdef __cplusplus
extern "C" {
#endif

/* The numbers stay as they are in later versions; others may come. */
typedef int32_t voxport_status;
enum {
  VOXPORT_OK = 0,
  VOXPORT_ERROR = 1,
  VOXPORT_PACKAGE_ERROR = 10,
  VOXPORT_PACKAGE_NOT_FOUND = 11,
  VOXPORT_MANIFEST_ERROR = 12,
  VOXPORT_LATER_VERSION = 13,
  VOXPORT_INTEGRITY_ERROR = 14,
  VOXPORT_ARTIFACT_UNAVAILABLE = 15,
  VOXPORT_INFERENCE_ERROR = 20,
  VOXPORT_INPUT_ERROR = 30,
  VOXPORT_ALIGNMENT_ERROR = 31,
  VOXPORT_AUDIO_ERROR = 32,
  VOXPORT_AUDIO_FILE_ERROR = 33,
  VOXPORT_AUDIO_NOT_FOUND = 34
};

typedef struct voxport_recognizer voxport_recognizer;
typedef struct voxport_transcript voxport_transcript;

typedef struct voxport_options {
  size_t size;           /* sizeof(voxport_options), set by voxport_options_init() */
  const char* artifact;  /* "onnx" (NULL too) or "torchscript", which runs the package's own code */
  const char* precision; /* "fp32", ...; NULL: fp32 if the package has it */
  int32_t threads;       /* CPU threads; 0: the backend's own choice */
  int32_t keep_emission; /* not 0: transcripts hold the emission */
  double whole_seconds;  /* a longer recording runs in windows */
  double window_seconds;
} voxport_options;

/* A word or a token. */
typedef struct voxport_span {
  const char* text;
  double start; /* seconds */
  double end;   /* seconds */
  double score; /* 0 to 1 */
} voxport_span;

/* Return the version of the library that runs, "0.1.0"; VOXPORT_VERSION is the header's. */
VOXPORT_API const char* voxport_version(void);

/* Return the name of a status, the Python runtime's class of it: "AudioFileError"; "OK" for 0. */
VOXPORT_API const char* voxport_status_name(voxport_status status);

/* Return why this thread's last call failed, "" after one that did not. */
VOXPORT_API const char* voxport_last_error(void);

VOXPORT_API void voxport_options_init(voxport_options* options);

/* Open a package's folder; `options` may be NULL. Close it with voxport_close(). */
VOXPORT_API voxport_status voxport_open(const char* package, const voxport_options* options,
                                        voxport_recognizer** recognizer);
VOXPORT_API void voxport_close(voxport_recognizer* recognizer); /* NULL is nothing to close */

VOXPORT_API int32_t voxport_sample_rate(const voxport_recognizer* recognizer); /* Hz, the model's */
VOXPORT_API size_t voxport_label_count(const voxport_recognizer* recognizer);
VOXPORT_API const char* voxport_label(const voxport_recognizer* recognizer, size_t index); /* or NULL */

/* Transcribe a file, the bytes of one, or samples of one channel, -1 to 1, at any rate (Hz). Free the
 * transcript with voxport_transcript_free(). */
VOXPORT_API voxport_status voxport_transcribe_file(const voxport_recognizer* recognizer,
                                                   const char* file,
                                                   voxport_transcript** transcript);
VOXPORT_API voxport_status voxport_transcribe_bytes(const voxport_recognizer* recognizer,
                                                    const void* bytes, size_t size,
                                                    voxport_transcript** transcript);
VOXPORT_API voxport_status voxport_transcribe_samples(const voxport_recognizer* recognizer,
                                                      const float* samples, size_t count,
                                                      int32_t sample_rate,
                                                      voxport_transcript** transcript);
VOXPORT_API void voxport_transcript_free(voxport_transcript* transcript);

VOXPORT_API const char* voxport_transcript_text(const voxport_transcript* transcript);
VOXPORT_API double voxport_transcript_duration(const voxport_transcript* transcript); /* seconds */

/* Return the i-th word or token; beyond the last, its text is NULL. */
VOXPORT_API size_t voxport_word_count(const voxport_transcript* transcript);
VOXPORT_API voxport_span voxport_word(const voxport_transcript* transcript, size_t index);
VOXPORT_API size_t voxport_token_count(const voxport_transcript* transcript);
VOXPORT_API voxport_span voxport_token(const voxport_transcript* transcript, size_t index);

/* Return the emission, float32 [frames, labels] row by row; NULL without `keep_emission`. */
VOXPORT_API const float* voxport_emission(const voxport_transcript* transcript, size_t* frames,
                                          size_t* labels);

#ifdef __cplusplus
}
#endif

#endif
