"""Apache Spark: a folder of recordings into Parquet, a recognizer a Python worker.

python spark.py RECORDINGS RESULTS
"""

import sys

from pyspark.sql import SparkSession


def transcribe(batches):
    import pandas

    import voxport

    recognizer = voxport.load("commands", provider="cpu", threads=1)
    for batch in batches:
        outcomes = [*recognizer.transcribe_each(map(bytes, batch["content"]))]
        texts = [one.transcript and one.transcript.text for one in outcomes]
        errors = [one.error and one.error.reason for one in outcomes]
        yield pandas.DataFrame({"path": batch["path"], "text": texts, "error": errors})


if __name__ == "__main__":
    recordings, results = sys.argv[1:]
    spark = SparkSession.builder.master("local[2]").appName("voxport").getOrCreate()
    files = spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(recordings)
    rows = files.select("path", "content").mapInPandas(
        transcribe, "path string, text string, error string"
    )
    rows.write.mode("overwrite").parquet(results)
    spark.stop()
