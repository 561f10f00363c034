import { BSON } from "mongodb";
import { makeInvoices } from "./mongodb-data.ts";

const MB = 1024 * 1024;
const INVOICE_BYTES = 660;
const HUGE_BYTES = 15 * MB;
const BLOCK_INVOICES = 26_000;
/** No two of 300 documents begin at the same place of the block. */
const SHIFT_BYTES = 4_099;

/** What a server holds in one case of the bench, and how hard the contenders try. */
export interface MongodbCase {
  readonly title: string;
  readonly collections: number;
  readonly documents: number;
  /** `count` documents from number `first` on, one behind the other. */
  readonly make: (first: number, count: number) => Buffer;
  /** Documents of one insert; all of a collection's together are at most 48 MB. */
  readonly insertDocuments: number;
  readonly runs: number;
  /** Batch sizes of the driver's baselines. */
  readonly batchSizes: readonly number[];
  /** Beside the gathered cursor also as the driver hands it out, which takes many times as long. */
  readonly comparesRawCursor: boolean;
  /** Documents that are inserted, then updated, and a quarter of them deleted, for the replay. */
  readonly changedDocuments: number;
}

const invoices = {
  make: makeInvoices,
  insertDocuments: 5_000,
  batchSizes: [1_000],
  comparesRawCursor: false,
  changedDocuments: 30_000,
};

export type MongodbCaseName = "invoices" | "large" | "tiny" | "huge" | "many";

export const MONGODB_CASES: Readonly<Record<MongodbCaseName, MongodbCase>> = {
  invoices: {
    ...invoices,
    title: "400 MB of invoices in 3 collections",
    collections: 3,
    documents: Math.ceil((400 * MB) / INVOICE_BYTES),
    runs: 3,
    batchSizes: [1_000, 3_000, 10_000],
    comparesRawCursor: true,
  },
  large: {
    ...invoices,
    title: "one collection of 2 GB",
    collections: 1,
    documents: Math.ceil((2048 * MB) / INVOICE_BYTES),
    runs: 1,
  },
  tiny: {
    title: "4 million tiny documents",
    collections: 1,
    documents: 4_000_000,
    make: makeTiny,
    insertDocuments: 50_000,
    runs: 1,
    batchSizes: [10_000],
    comparesRawCursor: false,
    changedDocuments: 60_000,
  },
  huge: {
    title: "300 documents of 15 MB",
    collections: 1,
    documents: 300,
    make: makeHuge,
    insertDocuments: 2,
    runs: 1,
    batchSizes: [2],
    comparesRawCursor: false,
    changedDocuments: 12,
  },
  many: {
    ...invoices,
    title: "500 collections",
    collections: 500,
    documents: 200_000,
    runs: 1,
    insertDocuments: 400,
  },
};

/** Of 30 bytes or so: counters. */
function makeTiny(first: number, count: number): Buffer {
  return Buffer.concat(
    Array.from({ length: count }, (_, index) =>
      BSON.serialize({ _id: first + index, n: (first + index) % 977 }),
    ),
  );
}

let block: Buffer | undefined;

/** Of 15 MB each: attachments, as compressible as the invoices that they are made of. */
function makeHuge(first: number, count: number): Buffer {
  block ??= makeInvoices(0, BLOCK_INVOICES);
  const whole = block;
  return Buffer.concat(
    Array.from({ length: count }, (_, index) => {
      const at = ((first + index) * SHIFT_BYTES) % whole.length;
      const turned = Buffer.concat([whole.subarray(at), whole.subarray(0, at)]).subarray(0, HUGE_BYTES);
      return BSON.serialize({ _id: first + index, name: `scan-${first + index}.tiff`, content: turned });
    }),
  );
}
