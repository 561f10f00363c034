/** Kinds of sources that no rehearsal shows, each with the reason; the report lists them aloud. */
export const NOT_REHEARSED: Readonly<Record<string, string>> = {
  "http-export":
    "its contract suite runs on a real HTTP server; an application to restore into is the user's own",
  n8n: "a real instance takes minutes and gigabytes to install: npm run test:n8n dumps, loses and restores one",
  qdrant: "no Qdrant server is to be had from the package registries; its laws run on a stand-in",
  s3: "its laws run on the S3 of the local AWS, and on a real MinIO where BACKUP_ESTATE_MINIO names one; a drill wants MinIO's image",
};
