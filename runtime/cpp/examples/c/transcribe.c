/* Print what is said in a file: cc transcribe.c $(pkg-config --cflags --libs voxport) */
#include <stdio.h>
#include <voxport/voxport.h>

static int fail(void) {
  fprintf(stderr, "error: %s\n", voxport_last_error());
  return 1;
}

int main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: transcribe PACKAGE AUDIO\n");
    return 2;
  }
  voxport_recognizer* recognizer = NULL;
  if (voxport_open(argv[1], NULL, &recognizer) != VOXPORT_OK) return fail();
  voxport_transcript* transcript = NULL;
  if (voxport_transcribe_file(recognizer, argv[2], &transcript) != VOXPORT_OK) {
    voxport_close(recognizer);
    return fail();
  }
  printf("%s\n", voxport_transcript_text(transcript));
  for (size_t i = 0; i < voxport_word_count(transcript); ++i) {
    const voxport_span word = voxport_word(transcript, i);
    printf("%.2f %.2f %.2f %s\n", word.start, word.end, word.score, word.text);
  }
  voxport_transcript_free(transcript);
  voxport_close(recognizer);
  return 0;
}
