import { startLocalAws } from "../aws/local-aws.ts";
import { startMinio } from "./minio.ts";

/** Path of a MinIO binary; without it the S3 of a local AWS takes its place. */
const MINIO = process.env.BACKUP_ESTATE_MINIO;

/** The keys that a MinIO has where nobody set others; a drill knows no others. */
export const OBJECT_STORE_CREDENTIALS = { accessKeyId: "minioadmin", secretAccessKey: "minioadmin" } as const;

/** What the report says where it was no MinIO; undefined where it was. */
export const OBJECT_STORE_STANDIN =
  MINIO === undefined
    ? "rehearsed on the S3 of a second local AWS in the place of MinIO: no binary is named by BACKUP_ESTATE_MINIO"
    : undefined;

/** A server of buckets, empty. */
export interface ObjectStore {
  readonly port: number;
  kill(): Promise<void>;
}

/** On a free port of 127.0.0.1, or on that of one that is gone. */
export async function startObjectStore(
  folder: string,
  signal: AbortSignal,
  port?: number,
): Promise<ObjectStore> {
  const at = { folder, signal, ...(port !== undefined && { port }) };
  if (MINIO !== undefined) {
    const minio = await startMinio({ ...at, command: MINIO });
    return { port: minio.port, kill: async () => await minio[Symbol.asyncDispose]() };
  }
  const aws = await startLocalAws(at);
  return { port: Number(new URL(aws.endpoint).port), kill: () => aws.stop() };
}
