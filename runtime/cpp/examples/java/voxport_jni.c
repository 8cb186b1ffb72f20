/* The bridge of Voxport.java: cc -shared -fPIC voxport_jni.c -o libvoxport_jni.so, with JNI's headers and
 * $(pkg-config --cflags --libs voxport). */
#include <jni.h>
#include <voxport/voxport.h>

JNIEXPORT jstring JNICALL Java_Voxport_transcribe(JNIEnv* env, jclass self, jstring folder,
                                                  jstring audio) {
  const char* package = (*env)->GetStringUTFChars(env, folder, NULL);
  const char* file = (*env)->GetStringUTFChars(env, audio, NULL);
  voxport_recognizer* recognizer = NULL;
  voxport_transcript* transcript = NULL;
  jstring text = NULL;
  (void)self;
  voxport_status status = voxport_open(package, NULL, &recognizer);
  if (status == VOXPORT_OK) status = voxport_transcribe_file(recognizer, file, &transcript);
  if (status == VOXPORT_OK) {
    text = (*env)->NewStringUTF(env, voxport_transcript_text(transcript));
  } else {
    jclass failure = (*env)->FindClass(env, "java/lang/RuntimeException");
    (*env)->ThrowNew(env, failure, voxport_last_error());
  }
  voxport_transcript_free(transcript);
  voxport_close(recognizer);
  (*env)->ReleaseStringUTFChars(env, folder, package);
  (*env)->ReleaseStringUTFChars(env, audio, file);
  return text;
}
