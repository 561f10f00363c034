/** The release of what a backup consists of, by which a drill is found: n8n's own does not stand in its database. */
export const VERSIONS = { major: "1" } as const;
/** A database that changes while it is read is read again, so often in all. */
export const COPY_ATTEMPTS = 5;
export const RETRY_PAUSE_MS = 1_000;
/** Source: "The WAL file header", https://sqlite.org/fileformat2.html. */
export const WAL_HEADER_BYTES = 32;
/** Rows between two turns of the event loop: SQLite works on its thread. */
export const ROWS_A_TURN = 200;
/** Of rows that are large, so many bytes: what was read can be given back in between. */
export const BYTES_A_TURN = 1024 * 1024;
/** Small rows travel together. */
export const CHUNK_BYTES = 128 * 1024;
/** Ids that a message names; the rest is a number. */
export const NAMED_LIMIT = 5;
