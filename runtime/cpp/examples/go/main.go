// Print what is said in a file: go run . PACKAGE AUDIO
package main

// #cgo pkg-config: voxport
// #include <stdlib.h>
// #include <voxport/voxport.h>
import "C"

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"
)

func check(status C.voxport_status) {
	if status != C.VOXPORT_OK {
		fmt.Fprintln(os.Stderr, "error:", C.GoString(C.voxport_last_error()))
		os.Exit(1)
	}
}

func main() {
	runtime.LockOSThread() // the last error is the thread's own
	folder, audio := C.CString(os.Args[1]), C.CString(os.Args[2])
	defer C.free(unsafe.Pointer(folder))
	defer C.free(unsafe.Pointer(audio))
	var recognizer *C.voxport_recognizer
	check(C.voxport_open(folder, nil, &recognizer))
	defer C.voxport_close(recognizer)
	var transcript *C.voxport_transcript
	check(C.voxport_transcribe_file(recognizer, audio, &transcript))
	defer C.voxport_transcript_free(transcript)
	fmt.Println(C.GoString(C.voxport_transcript_text(transcript)))
}
