/**
 * The release of MinIO that drills restore into: the last that was published as an image. Backups carry it as their
 * major version, by which a drill is found, since S3 itself has none.
 */
export const DRILL_RELEASE = "RELEASE.2025-09-07T16-13-09Z";
/** Plain bytes of one pack; a pack holds at least one object, however large. */
export const PACK_BYTES = 64 * 1024 * 1024;
/** A larger object has a pack of its own, so that it is reused as long as it stays. */
export const OWN_PACK_BYTES = 16 * 1024 * 1024;
/** Entries of one index: they lie in memory, with metadata and tags, until their packs are stored. */
export const INDEX_ENTRIES = 5_000;
/** A pack of which less is still there is given up, and what is left of it stored again. */
export const LEAST_USED_SHARE = 0.5;
/** An object without a version id that is younger than the last dump's start, less this, may be another one by now. */
export const CLOCK_MARGIN_MS = 120_000;
/** Read in one piece, while others before it are still read. */
export const SMALL_OBJECT_BYTES = 256 * 1024;
/** So many small objects, or tags, are asked for at a time: 4 MiB of memory at most, and as many requests. */
export const OBJECTS_AHEAD = 16;
/** Versions of one key are turned round in memory. */
export const VERSIONS_OF_KEY_LIMIT = 100_000;
/** How often one read is taken up again after a broken connection. */
export const RESUMES_LIMIT = 5;
export const RESUME_PAUSE_MS = 200;
/** S3 takes at most so many parts of one object. Source: S3 user guide, "Multipart upload limits". */
export const PARTS_LIMIT = 10_000;
/** An object above it is uploaded in parts of so many bytes, or of more where there would be too many. */
export const PART_BYTES = 8 * 1024 * 1024;
/** A part lies in memory; with 10,000 parts this is an object of 625 GiB. */
export const PART_BYTES_LIMIT = 64 * 1024 * 1024;
/** Notes that name single objects; the rest is a number. */
export const NOTES_LIMIT = 20;
