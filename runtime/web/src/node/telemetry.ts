/**
 * Turns ONNX Runtime's telemetry off, unless the variable says otherwise: from 1.29 on it keeps a
 * device id and a database of events in the user's cache folder and uploads them. Imported before
 * the library, which reads the variable when it starts.
 */

process.env["ORT_DISABLE_TELEMETRY"] ??= "1";
