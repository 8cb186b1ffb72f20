// Print what is said in a file: java -Djava.library.path=FOLDER Voxport PACKAGE AUDIO
public final class Voxport {
  static {
    System.loadLibrary("voxport_jni");
  }

  /** Return the text; an exception says why there is none. */
  static native String transcribe(String folder, String audio);

  public static void main(String[] given) {
    System.out.println(transcribe(given[0], given[1]));
  }
}
